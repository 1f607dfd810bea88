"""What earlier searches, or this one before it was interrupted, have measured."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from search.events import Score
from search.spaces import Arch


class Visit(NamedTuple):
    """One look at an arch: for all objectives, or only for those at some places."""

    arch: Arch
    only: tuple[int, ...] | None = None


class Memory(Protocol):
    """Asked by a run before it measures, and when it goes on from a checkpoint."""

    def recall(self, keys: Sequence[str]) -> Mapping[str, Score]:
        """Scores that were measured under these keys, as far as there are any."""

    def visited(self) -> Iterable[Visit]:
        """What this job's recorded trials looked at, in their order."""


class NoMemory:
    """Remembers nothing: every score is measured."""

    def recall(self, keys: Sequence[str]) -> Mapping[str, Score]:
        """Nothing."""
        return {}

    def visited(self) -> Iterable[Visit]:
        """Nothing."""
        return ()
