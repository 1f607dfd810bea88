"""The team's memory, as a run asks for it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from db import trials
from search.events import Score, ScoreKind, ScoreStatus
from search.memory import Visit
from workers.patience import read


class RecordedMemory:
    """Scores that any job has recorded, and the archs that this one has looked at.

    Args:
        job_id: of a slice, its job's.
        give_up_s: how long a database that is away is waited for.
    """

    def __init__(self, job_id: int, give_up_s: float) -> None:
        self._job_id = job_id
        self._give_up_s = give_up_s
        self._provenance: dict[str, str | None] = {}

    def recall(self, keys: Sequence[str]) -> Mapping[str, Score]:
        """Known scores by memory key; the objective's name is left for the run to fill in."""
        found = read(lambda session: trials.recall(session, keys), give_up_s=self._give_up_s)
        self._provenance |= {key: known.provenance_id for key, known in found.items()}
        return {
            key: _score(key, known, is_shared=known.job_id == self._job_id)
            for key, known in found.items()
        }

    def visited(self) -> Iterable[Visit]:
        """What every trial that this job has recorded looked at, in order."""
        return read(
            lambda session: [Visit(*seen) for seen in trials.visited(session, self._job_id)],
            give_up_s=self._give_up_s,
        )

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
