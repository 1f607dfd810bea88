"""Costs: what a network takes, counted or measured; whether it is any good is not asked."""

from typing import Any, Protocol

from search.probe import Measurement, Probe
from search.registry import Registry


class Cost(Protocol):
    """What one network takes; keyword arguments with defaults are its parameters.

    Its traits are declared with ``search.traits.declares``.
    """

    def __call__(self, probe: Probe, /, *args: Any, **params: Any) -> Measurement:  # noqa: ANN401
        """Count or measure on ``probe.network``, and leave it as it was."""


costs: Registry[Cost] = Registry(__name__)
