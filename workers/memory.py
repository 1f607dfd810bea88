"""The team's memory, as a run asks for it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from db import trials
from db.session import reading
from search.events import Score, ScoreKind, ScoreStatus
from search.memory import Visit


class RecordedMemory:
    """Scores that any job has recorded, and the archs that this one has looked at.

    Args:
        job_id: of a slice, its job's.
    """

    def __init__(self, job_id: int) -> None:
        self._job_id = job_id
        self._provenance: dict[str, str | None] = {}

    def recall(self, keys: Sequence[str]) -> Mapping[str, Score]:
        """Known scores by memory key; the objective's name is left for the run to fill in."""
        with reading() as session:
            found = trials.recall(session, keys)
        self._provenance |= {key: known.provenance_id for key, known in found.items()}
        return {
            key: _score(key, known, is_shared=known.job_id == self._job_id)
            for key, known in found.items()
        }

    def visited(self) -> Iterable[Visit]:
        """What every trial that this job has recorded looked at, in order."""
        with reading() as session:
            yield from (Visit(*visited) for visited in trials.visited(session, self._job_id))

    def provenance_of(self, key: str | None) -> str | None:
        """Under which protocol a recalled score was measured."""
        return self._provenance.get(key) if key is not None else None


def _score(key: str, known: trials.RecalledScore, *, is_shared: bool) -> Score:
    return Score(
        objective="",
        kind=cast(ScoreKind, known.kind),
        status=cast(ScoreStatus, known.status),
        value=known.value,
        memory_key=key,
        from_memory=True,
        is_shared=is_shared,
        details=known.details or {},
    )
