"""Every architecture of the space once, in the space's own numbering."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from search.spaces import Space
from search.strategies import Proposal, Result, strategies


@strategies.register
class Exhaustive:
    """Looks at every architecture once, in the order of the space's numbering."""

    visits_once: ClassVar[bool] = True
    is_independent: ClassVar[bool] = True

    def __init__(self, space: Space, rng: np.random.Generator, /) -> None:
        self._space = space
        self._next = 0

    @property
    def is_exhausted(self) -> bool:
        """Every arch has been proposed."""
        return self._next >= self._space.size

    def ask(self, n: int) -> list[Proposal]:
        """The next valid archs in order."""
        proposals: list[Proposal] = []
        while len(proposals) < n and not self.is_exhausted:
            arch = self._space.at(self._next)
            self._next += 1
            if self._space.invalid_reason(arch) is None:
                proposals.append(Proposal(arch))
        return proposals

    def tell(self, results: Sequence[Result]) -> None:
        """Nothing depends on results."""

    def state_dict(self) -> dict[str, Any]:
        """How far it is."""
        return {"next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._next = state["next"]
