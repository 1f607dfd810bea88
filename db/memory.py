"""The team's memory: what was measured before, by whom, and where an architecture was met."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Arch, Job, Score, Trial

_CHUNK = 500  # keys of one statement: databases bound the number of parameters
_REUSABLE = ("ok", "undefined")


@dataclass(frozen=True)
class RecalledScore:
    """A score that was measured before, and in which trial."""

    kind: str
    status: str
    value: float | None
    details: dict[str, Any] | None
    provenance_id: str | None
    job_id: int
    number: int


@dataclass(frozen=True)
class KnownScore:
    """A score of an arch, wherever it was met."""

    arch_id: str
    job_id: int
    number: int
    objective: str
    kind: str
    status: str
    value: float | None
    seconds: float
    from_memory: bool
    provenance_id: str | None


@dataclass(frozen=True)
class Meeting:
    """A trial in which an arch was looked at."""

    job_id: int
    job_name: str
    number: int
    state: str


def recall(session: Session, memory_keys: Iterable[str]) -> dict[str, RecalledScore]:
    """What is known under these keys; a failure is never remembered.

    Where two jobs measured the same at the same time, the older job's score stands.
    """
    found: dict[str, RecalledScore] = {}
    for keys in _chunks(memory_keys):
        rows = session.execute(
            select(
                Score.memory_key,
                Score.kind,
                Score.status,
                Score.value,
                Score.details,
                Score.provenance_id,
                Score.job_id,
                Score.number,
            )
            .where(Score.memory_key.in_(keys), Score.status.in_(_REUSABLE))
            .order_by(Score.job_id, Score.number)
        )
        for key, *rest in rows:
            found.setdefault(key or "", RecalledScore(*rest))
    return found


def share_in_memory(session: Session, memory_keys: Sequence[str]) -> int:
    """How many of these different keys are known."""
    num = 0
    for keys in _chunks(memory_keys):
        known = select(func.count(Score.memory_key.distinct())).where(
            Score.memory_key.in_(keys), Score.status.in_(_REUSABLE)
        )
        num += session.execute(known).scalar_one()
    return num


def visited(session: Session, job_id: int) -> Iterator[tuple[int, ...]]:
    """The arch of every recorded trial of a job, in order."""
    rows = session.execute(
        select(Arch.choices)
        .join(Trial, Trial.arch_id == Arch.id)
        .where(Trial.job_id == job_id)
        .order_by(Trial.number)
        .execution_options(yield_per=1000)
    )
    return (tuple(choices) for (choices,) in rows)


def scores_of_archs(
    session: Session, arch_ids: Iterable[str], *, limit: int = 5000
) -> list[KnownScore]:
    """Every score of these archs in any job, newest job first."""
    known: list[KnownScore] = []
    for ids in _chunks(arch_ids):
        rows = session.execute(
            select(
                Trial.arch_id,
                Score.job_id,
                Score.number,
                Score.objective,
                Score.kind,
                Score.status,
                Score.value,
                Score.seconds,
                Score.from_memory,
                Score.provenance_id,
            )
            .join(Score, (Score.job_id == Trial.job_id) & (Score.number == Trial.number))
            .where(Trial.arch_id.in_(ids))
            .order_by(Score.job_id.desc(), Score.number, Score.objective)
            .limit(limit - len(known))
        ).all()
        names = _objective_names(session, {row.job_id for row in rows})
        known += [
            KnownScore(arch, job, number, names[job][place], *rest)
            for arch, job, number, place, *rest in rows
        ]
    return known


def scores_of_arch(session: Session, arch_id: str) -> list[KnownScore]:
    """Every score of one arch in any job, newest job first."""
    return scores_of_archs(session, [arch_id])


def jobs_of_arch(session: Session, arch_id: str, *, limit: int = 200) -> list[Meeting]:
    """Where an arch was met, newest job first."""
    rows = session.execute(
        select(Trial.job_id, Job.name, Trial.number, Trial.state)
        .join(Job, Job.id == Trial.job_id)
        .where(Trial.arch_id == arch_id)
        .order_by(Trial.job_id.desc(), Trial.number)
        .limit(limit)
    )
    return [Meeting(*row) for row in rows]


def _objective_names(session: Session, job_ids: Iterable[int]) -> dict[int, list[str]]:
    rows = session.execute(
        select(Job.id, Job.spec["objectives"].label("objectives")).where(Job.id.in_(set(job_ids)))
    )
    return {row.id: [part["name"] for part in row.objectives or ()] for row in rows}


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    """The different keys, so many at a time."""
    rest = iter(dict.fromkeys(keys))
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
