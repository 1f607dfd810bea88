"""Trials and scores: how a worker writes a batch, and how one of them is looked at."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db import clock, fence
from db.columns import SCORE_STATUSES, TRIAL_STATES, Columns, columns
from db.errors import AlreadyRecorded, NotFound
from db.memory import (
    KnownScore,
    RecalledScore,
    jobs_of_arch,
    recall,
    scores_of_arch,
    scores_of_archs,
    share_in_memory,
    visited,
)
from db.models import Arch, Job, LogLine, Metric, Provenance, Score, Trial
from db.trial_pages import Standing, TrialFilter, TrialLine, standing, trial, trials_page

__all__ = [
    "SCORE_STATUSES",
    "TRIAL_STATES",
    "Batch",
    "Columns",
    "KnownScore",
    "LogRow",
    "MetricRow",
    "ProgressRow",
    "RecalledScore",
    "ScoreRow",
    "Standing",
    "TrialFilter",
    "TrialLine",
    "TrialRow",
    "arch",
    "arch_id",
    "columns",
    "jobs_of_arch",
    "log_tail",
    "metrics",
    "provenance",
    "recall",
    "record",
    "scores_of_arch",
    "scores_of_archs",
    "share_in_memory",
    "standing",
    "trial",
    "trials_page",
    "visited",
]


@dataclass(frozen=True)
class TrialRow:
    """A trial as it is written; its arch is stored once per space."""

    number: int
    arch_key: str
    choices: Sequence[int]
    state: str
    parents: Sequence[int] = ()
    violation: float = 0.0
    clock_s: float | None = None


@dataclass(frozen=True)
class ScoreRow:
    """A score as it is written.

    Attributes:
        number: of the trial.
        objective: its place in the job's spec, from 0.
        value: finite exactly when the status is ``ok``, None otherwise.
        memory_key: only on scores that were measured; those from memory have none.
        provenance_id: a key of the batch's ``provenance``, or of one written before.
    """

    number: int
    objective: int
    kind: str
    status: str
    value: float | None
    seconds: float = 0.0
    from_memory: bool = False
    memory_key: str | None = None
    details: Mapping[str, Any] | None = None
    provenance_id: str | None = None


@dataclass(frozen=True)
class MetricRow:
    """A value of the run at a step; what is not finite is stored as None."""

    name: str
    step: int
    value: float


@dataclass(frozen=True)
class LogRow:
    """A line for people: level info, warning or error; the time is the database's if left out."""

    level: str
    message: str
    at: datetime | None = None


@dataclass(frozen=True)
class ProgressRow:
    """How far the run is, as a share from 0 to 1."""

    share: float
    eta_s: float | None = None
    text: str = ""


@dataclass(frozen=True)
class Batch:
    """What belongs together: written whole, or not at all.

    Attributes:
        checkpoint: JSON from which the run goes on after these trials.
        provenance: content by id (at most 32 characters).
        environment: what the run found itself in; shown with the job.
    """

    trials: Sequence[TrialRow] = ()
    scores: Sequence[ScoreRow] = ()
    metrics: Sequence[MetricRow] = ()
    logs: Sequence[LogRow] = ()
    progress: ProgressRow | None = None
    checkpoint: Mapping[str, Any] | None = None
    provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: Mapping[str, Any] | None = None


def arch_id(space: str, key: str) -> str:
    """20 hex digits that stand for this arch in every job."""
    return hashlib.blake2b(f"{space}\0{key}".encode(), digest_size=10).hexdigest()


def record(session: Session, job_id: int, token: str, batch: Batch) -> None:
    """Write a batch: trials, scores, progress and checkpoint in the caller's one transaction.

    Raises:
        LeaseLost: the job is not this worker's any more.
        AlreadyRecorded: trials of these numbers are there already.
        ValueError: a score says ``ok`` without a finite value, or has a value and is not ok.
    """
    scores = [_score_values(job_id, score) for score in batch.scores]
    fence.hold(session, job_id, token, **_job_values(batch))
    job = session.execute(
        select(Job.space, Job.best, Job.spec["objectives"].label("objectives")).where(
            Job.id == job_id
        )
    ).one()
    _add_provenance(session, batch.provenance)
    try:
        _add_trials(session, job_id, job.space, batch.trials)
        _add_all(session, Score, scores)
    except IntegrityError as error:
        if "UNIQUE" in str(error.orig) or getattr(error.orig, "sqlstate", "") == "23505":
            raise AlreadyRecorded(
                f"job {job_id} has trials of these numbers already; nothing was written"
            ) from error
        raise
    _add_metrics(session, job_id, batch.metrics)
    _add_logs(session, job_id, batch.logs)
    _note_best(session, job_id, job.best or {}, _better(job.objectives or [], batch))


def arch(session: Session, arch_id: str) -> Arch:
    """The arch of this id.

    Raises:
        NotFound: nobody has looked at it yet.
    """
    found = session.get(Arch, arch_id)
    if found is None:
        raise NotFound(f"there is no architecture {arch_id} in the record")
    return found


def provenance(session: Session, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Under which protocol scores were measured, by id."""
    wanted = select(Provenance.id, Provenance.content).where(Provenance.id.in_(set(ids)))
    return {row.id: row.content for row in session.execute(wanted)}


def log_tail(session: Session, job_id: int, *, after: int = 0, limit: int = 500) -> list[LogLine]:
    """Lines of the log in order: the last ones, or those that follow line *after*."""
    lines = select(LogLine).where(LogLine.job_id == job_id).limit(limit)
    if after > 0:
        following = lines.where(LogLine.number > after).order_by(LogLine.number)
        return list(session.scalars(following))
    return list(session.scalars(lines.order_by(LogLine.number.desc())))[::-1]


def metrics(session: Session, job_id: int) -> dict[str, list[tuple[int, float | None]]]:
    """(step, value) by name, steps in order; None where a value was not finite."""
    rows = session.execute(
        select(Metric.name, Metric.step, Metric.value)
        .where(Metric.job_id == job_id)
        .order_by(Metric.name, Metric.step)
    )
    series: dict[str, list[tuple[int, float | None]]] = {}
    for name, step, value in rows:
        series.setdefault(name, []).append((step, value))
    return series


def _job_values(batch: Batch) -> dict[str, Any]:
    """What the batch changes in the job's own row."""
    values: dict[str, Any] = {
        "version": Job.version + 1,
        "num_trials": Job.num_trials + len(batch.trials),
        "num_scores": Job.num_scores + len(batch.scores),
        "num_from_memory": Job.num_from_memory + sum(s.from_memory for s in batch.scores),
    }
    if batch.trials:
        values["num_losses"] = 0
    if batch.progress is not None:
        values["progress"] = min(max(batch.progress.share, 0.0), 1.0)
        values["eta_s"] = _finite(batch.progress.eta_s)
        values["progress_text"] = _storable(batch.progress.text)[:200]
    if batch.checkpoint is not None:
        values["checkpoint"] = dict(batch.checkpoint)
    if batch.environment is not None:
        values["environment"] = _without_nan(dict(batch.environment))
    return values


def _score_values(job_id: int, score: ScoreRow) -> dict[str, Any]:
    is_number = score.value is not None and math.isfinite(score.value)
    if is_number != (score.status == "ok") or (score.value is not None and not is_number):
        raise ValueError(
            f"trial {score.number}, objective {score.objective}: status {score.status} "
            f"does not go with the value {score.value}"
        )
    if score.status not in SCORE_STATUSES:
        raise ValueError(f"trial {score.number}: there is no score status {score.status}")
    return {
        "job_id": job_id,
        "objective": score.objective,
        "number": score.number,
        "kind": score.kind,
        "status": score.status,
        "value": score.value,
        "seconds": score.seconds,
        "from_memory": score.from_memory,
        "memory_key": None if score.from_memory else score.memory_key,
        "details": _without_nan(dict(score.details)) if score.details else None,
        "provenance_id": score.provenance_id,
    }


def _add_provenance(session: Session, contents: Mapping[str, Mapping[str, Any]]) -> None:
    rows = [{"id": i, "content": _without_nan(dict(contents[i]))} for i in sorted(contents)]
    _add_new(session, Provenance, rows)


def _add_trials(session: Session, job_id: int, space: str, trials: Sequence[TrialRow]) -> None:
    if not trials:
        return
    at = clock.read_clock(session)
    ids = [arch_id(space, trial.arch_key) for trial in trials]
    archs = {
        id_: {"id": id_, "space": space, "key": trial.arch_key, "choices": list(trial.choices)}
        for id_, trial in zip(ids, trials, strict=True)
    }
    # In the order of ids, so that two workers never wait for each other in a circle.
    _add_new(session, Arch, [archs[id_] for id_ in sorted(archs)])
    rows = [
        {
            "job_id": job_id,
            "number": trial.number,
            "arch_id": id_,
            "state": trial.state,
            "parents": list(trial.parents),
            "violation": trial.violation,
            "clock_s": trial.clock_s,
            "created_at": at,
        }
        for id_, trial in zip(ids, trials, strict=True)
    ]
    _add_all(session, Trial, rows)


def _add_metrics(session: Session, job_id: int, rows: Sequence[MetricRow]) -> None:
    """A step that is told again (a run that went on from its checkpoint) replaces the first."""
    if not rows:
        return
    values = {
        (row.name, row.step): {
            "job_id": job_id,
            "name": row.name,
            "step": row.step,
            "value": _finite(row.value),
        }
        for row in rows
    }
    statement = _insert(session, Metric)
    statement = statement.on_conflict_do_update(
        index_elements=["job_id", "name", "step"], set_={"value": statement.excluded.value}
    )
    session.connection().execute(statement, [values[key] for key in sorted(values)])


def _add_logs(session: Session, job_id: int, rows: Sequence[LogRow]) -> None:
    if not rows:
        return
    at = clock.read_clock(session)
    last = select(func.coalesce(func.max(LogLine.number), 0)).where(LogLine.job_id == job_id)
    first = session.execute(last).scalar_one() + 1
    values = [
        {
            "job_id": job_id,
            "number": number,
            "at": row.at or at,
            "level": row.level,
            "message": _storable(row.message),
        }
        for number, row in enumerate(rows, first)
    ]
    _add_all(session, LogLine, values)


def _better(objectives: Sequence[Mapping[str, Any]], batch: Batch) -> dict[str, tuple[str, float]]:
    """Direction and best value of this batch by objective; only feasible trials count."""
    feasible = {trial.number for trial in batch.trials if trial.state == "done"}
    values: dict[int, list[float]] = {}
    for score in batch.scores:
        if score.value is not None and score.number in feasible:
            values.setdefault(score.objective, []).append(score.value)
    found = {}
    for place, of_place in values.items():
        direction = objectives[place].get("direction") if place < len(objectives) else None
        if direction is not None:
            best = max(of_place) if direction == "maximize" else min(of_place)
            found[objectives[place]["name"]] = (direction, best)
    return found


def _note_best(
    session: Session,
    job_id: int,
    known: Mapping[str, float],
    found: Mapping[str, tuple[str, float]],
) -> None:
    best = dict(known)
    for name, (direction, value) in found.items():
        choose = max if direction == "maximize" else min
        best[name] = choose(value, best.get(name, value))
    if best != known:
        session.execute(update(_table(Job)).where(Job.id == job_id).values(best=best))


def _add_all(session: Session, model: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        session.connection().execute(insert(_table(model)), rows)


def _add_new(session: Session, model: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Add content-addressed rows; those that are there already stay as they are."""
    if rows:
        statement = _insert(session, model).on_conflict_do_nothing()
        session.connection().execute(statement, rows)


def _insert(session: Session, model: type[Any]) -> sqlite.Insert | postgresql.Insert:
    dialect = session.get_bind().dialect.name
    table = _table(model)
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def _table(model: type[Any]) -> Table:
    return cast(Table, model.__table__)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _storable(text: str) -> str:
    """Text that both databases take: no lone surrogates, no NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _without_nan(value: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN and no infinities: they become the words ``nan``, ``inf`` and ``-inf``."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return cast(dict[str, Any], _spelled_out(value))
    return value


def _spelled_out(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _spelled_out(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled_out(part) for part in value]
    return value
