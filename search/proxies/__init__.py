"""Proxies: scores of untrained networks."""

from typing import Any, Protocol

from search.probe import Probe
from search.registry import Registry


class Proxy(Protocol):
    """A score for one untrained network; keyword arguments with defaults are its parameters.

    Its traits are declared with ``search.traits.declares``. A score that cannot be computed is
    nan or infinite, never a stand-in: who asked makes a status of it.
    """

    def __call__(self, probe: Probe, /, *args: Any, **params: Any) -> float:  # noqa: ANN401
        """Read what *probe* measures; never touch its network directly."""


proxies: Registry[Proxy] = Registry(__name__)
