"""Valid archs of a space in a random order, none of them twice."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from search.spaces import Arch, Space
from search.strategies._permutation import Permutation


class Draws:
    """An order over the whole space, which may begin with archs that are given."""

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self._space = space
        self._key = rng.bytes(16)
        self._order = Permutation(space.size, self._key)
        self._next = 0
        self._given: list[Arch] = []
        self._next_given = 0
        self._left_out: set[Arch] = set()

    def begin_with(self, archs: Sequence[Arch]) -> None:
        """Let these come first, in their order."""
        self._given = list(dict.fromkeys(archs))
        self._left_out = set(self._given)

    @property
    def is_exhausted(self) -> bool:
        """Every arch has been drawn."""
        return self._next >= self._space.size and self._next_given >= len(self._given)

    def take(self, n: int) -> list[Arch]:
        """The next *n*; fewer when there are no more."""
        taken = self._given[self._next_given : self._next_given + n]
        self._next_given += len(taken)
        while len(taken) < n and self._next < self._space.size:
            arch = self._space.at(self._order[self._next])
            self._next += 1
            if arch not in self._left_out and self._space.invalid_reason(arch) is None:
                taken.append(arch)
        return taken

    def state_dict(self) -> dict[str, Any]:
        """The name of the order, how far it is in it, and what comes first."""
        return {
            "key": self._key.hex(),
            "next": self._next,
            "given": [list(arch) for arch in self._given],
            "next_given": self._next_given,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on in that order."""
        self._key = bytes.fromhex(state["key"])
        self._order = Permutation(self._space.size, self._key)
        self._next = state["next"]
        self.begin_with([tuple(arch) for arch in state["given"]])
        self._next_given = state["next_given"]
