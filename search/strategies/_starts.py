"""Where a strategy begins: at the archs that it is given, then at random ones."""

from collections.abc import Iterable, Sequence

import numpy as np

from search.spaces import Arch, Space


class Starts:
    """Archs to begin with, one after the other."""

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng
        self._given: list[Arch] = []  # the next one last

    def begin_with(self, archs: Sequence[Arch]) -> None:
        """Let these come first, in their order."""
        self._given = [*reversed(archs)]

    def draw(self) -> Arch:
        """The next of the given archs; a random one when there are no more."""
        return self._given.pop() if self._given else self._space.sample(self._rng)

    def forget(self) -> None:
        """Drop what is given and was not drawn."""
        self._given = []

    def as_json(self) -> list[list[int]]:
        """The given archs that are left, in their order."""
        return [list(arch) for arch in reversed(self._given)]

    def load(self, archs: Iterable[Sequence[int]]) -> None:
        """Go on with what :meth:`as_json` gave."""
        self.begin_with([tuple(arch) for arch in archs])
