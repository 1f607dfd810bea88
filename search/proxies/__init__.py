"""Proxies: scores of untrained networks."""

from typing import Any, Protocol

from search.probe import Probe
from search.registry import Registry


class Proxy(Protocol):
    """A score for one untrained network; keyword arguments with defaults are its parameters.

    Its traits are declared with ``search.traits.declares``. The equivalence is ``pruned`` wherever
    choices that take no part are not built, and so ``exact`` on spaces that lack that; coarser
    ones join networks of other first weights or of shared layers, whose scores differ.

    A score that cannot be computed is nan or infinite, never a stand-in: who asked makes a status
    of it.
    """

    def __call__(self, probe: Probe, /, *args: Any, **params: Any) -> float:  # noqa: ANN401
        """Read what *probe* measures, or run its network through it; never write to either.

        Raises:
            NotApplicableError: the score is not defined for such a network or such data.
        """


proxies: Registry[Proxy] = Registry(__name__)
