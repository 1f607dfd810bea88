"""What a run has looked at: in full, or for some objectives only."""

from collections.abc import Collection

from search.memory import Visit
from search.spaces import Arch


class Visits:
    """Archs by what has been scored of them."""

    def __init__(self, num_objectives: int) -> None:
        self._all = range(num_objectives)
        self._in_full: set[Arch] = set()
        self._in_part: dict[Arch, set[int]] = {}

    def add(self, visit: Visit) -> None:
        """Take in one more."""
        if visit.only is None:
            self._in_full.add(visit.arch)
            self._in_part.pop(visit.arch, None)
        elif visit.arch not in self._in_full:
            self._in_part.setdefault(visit.arch, set()).update(visit.only)

    def scored(self, arch: Arch) -> Collection[int]:
        """Places of the objectives that have been scored of an arch."""
        return self._all if arch in self._in_full else self._in_part.get(arch, ())

    def __contains__(self, arch: Arch) -> bool:
        """Whether an arch has been looked at in full."""
        return arch in self._in_full

    def __len__(self) -> int:
        """How many archs have been looked at in full."""
        return len(self._in_full)
