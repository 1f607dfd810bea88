"""The team's memory: what was measured before, by whom, and where an architecture was met."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from db.columns import NO_SCORE, columns
from db.models import Arch, Job, Score, Trial

_T = TypeVar("_T")

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


class Visited(NamedTuple):
    """What a trial looked at: an arch, for all objectives or only for those at some places."""

    choices: tuple[int, ...]
    only: tuple[int, ...] | None


def recall(session: Session, memory_keys: Iterable[str]) -> dict[str, RecalledScore]:
    """What is known under these keys; a failure is never remembered.

    Where two jobs measured the same at the same time, the older job's score stands.
    """
    found: dict[str, RecalledScore] = {}
    for keys in _chunks(dict.fromkeys(memory_keys)):
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
    for keys in _chunks(dict.fromkeys(memory_keys)):
        known = select(func.count(Score.memory_key.distinct())).where(
            Score.memory_key.in_(keys), Score.status.in_(_REUSABLE)
        )
        num += session.execute(known).scalar_one()
    return num


def visited(session: Session, job_id: int) -> Iterator[Visited]:
    """What every recorded trial of a job looked at, in order."""
    met = select(Trial.arch_id).where(Trial.job_id == job_id)
    rows = session.execute(select(Arch.id, Arch.choices).where(Arch.id.in_(met)))
    choices_of = {arch_id.encode(): tuple(choices) for arch_id, choices in rows}
    table = columns(session, job_id)
    only_of = {
        row: tuple(np.flatnonzero(table.statuses[row] != NO_SCORE).tolist())
        for row in np.flatnonzero(table.is_screened).tolist()
    }
    return (
        Visited(choices_of[arch_id], only_of.get(row))
        for row, arch_id in enumerate(table.arch_ids.tolist())
    )


def scores_of_archs(
    session: Session, arch_ids: Iterable[str], *, limit: int = 2000
) -> list[KnownScore]:
    """Every score of these archs in any job, newest job first."""
    trials = _trials_of(session, arch_ids, limit)
    names = _objective_names(session, {row.job_id for row in trials})
    arch_of = {(row.job_id, row.number): row.arch_id for row in trials}
    known: list[KnownScore] = []
    for job_id, names_of_job in sorted(names.items(), reverse=True):
        for numbers in _chunks(row.number for row in trials if row.job_id == job_id):
            rows = session.execute(
                select(Score)
                .where(
                    Score.job_id == job_id,
                    # Named so that the key of the table leads straight to the rows.
                    Score.objective.in_(range(len(names_of_job))),
                    Score.number.in_(numbers),
                )
                .order_by(Score.number, Score.objective)
            )
            known += [
                KnownScore(
                    arch_id=arch_of[job_id, score.number],
                    job_id=job_id,
                    number=score.number,
                    objective=names_of_job[score.objective],
                    kind=score.kind,
                    status=score.status,
                    value=score.value,
                    seconds=score.seconds,
                    from_memory=score.from_memory,
                    provenance_id=score.provenance_id,
                )
                for (score,) in rows
            ]
    return known


def _trials_of(session: Session, arch_ids: Iterable[str], limit: int) -> list[Row[Any]]:
    """Trials of these archs, newest job first."""
    found: list[Row[Any]] = []
    for ids in _chunks(dict.fromkeys(arch_ids)):
        found += session.execute(
            select(Trial.job_id, Trial.number, Trial.arch_id)
            .where(Trial.arch_id.in_(ids))
            .order_by(Trial.job_id.desc(), Trial.number)
            .limit(limit)
        )
    return sorted(found, key=lambda row: (-row.job_id, row.number))[:limit]


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


def _chunks(things: Iterable[_T]) -> Iterator[list[_T]]:
    """So many at a time."""
    rest = iter(things)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
