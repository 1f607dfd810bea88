"""Random search: uniform over the space, without replacement."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from search.spaces import Space
from search.strategies import Proposal, Result, strategies
from search.strategies._permutation import Permutation


@strategies.register
class Random:
    """Looks at architectures in a random order, none of them twice."""

    visits_once: ClassVar[bool] = True

    def __init__(self, space: Space, rng: np.random.Generator, /) -> None:
        self._space = space
        self._key = rng.bytes(16)
        self._order = Permutation(space.size, self._key)
        self._next = 0

    @property
    def is_exhausted(self) -> bool:
        """Every arch has been proposed."""
        return self._next >= self._space.size

    def ask(self, n: int) -> list[Proposal]:
        """The next valid archs of the random order."""
        proposals: list[Proposal] = []
        while len(proposals) < n and not self.is_exhausted:
            arch = self._space.at(self._order[self._next])
            self._next += 1
            if self._space.invalid_reason(arch) is None:
                proposals.append(Proposal(arch))
        return proposals

    def tell(self, results: Sequence[Result]) -> None:
        """Nothing depends on results."""

    def state_dict(self) -> dict[str, Any]:
        """The name of the order, and how far it is in it."""
        return {"key": self._key.hex(), "next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on in that order."""
        self._key = bytes.fromhex(state["key"])
        self._order = Permutation(self._space.size, self._key)
        self._next = state["next"]
