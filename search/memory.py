"""What earlier searches, or this one before it was interrupted, have measured."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from search.events import Score
from search.spaces import Arch


class Memory(Protocol):
    """Asked by a run before it measures, and when it goes on from a checkpoint."""

    def recall(self, keys: Sequence[str]) -> Mapping[str, Score]:
        """Scores that were measured under these keys, as far as there are any."""

    def visited(self) -> Iterable[Arch]:
        """The archs of this job's recorded trials, in their order."""


class NoMemory:
    """Remembers nothing: every score is measured."""

    def recall(self, keys: Sequence[str]) -> Mapping[str, Score]:
        """Nothing."""
        return {}

    def visited(self) -> Iterable[Arch]:
        """Nothing."""
        return ()
