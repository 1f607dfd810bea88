"""Trials and scores: how a worker writes a batch, and how one of them is looked at."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Table, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db import bulk, clock, fence, slices, tallies
from db.artifacts import add_artifacts
from db.batch import (
    ArtifactRow,
    Batch,
    LogRow,
    MetricRow,
    ProgressRow,
    ScoreRow,
    SnapshotRow,
    TrialRow,
)
from db.columns import (
    SCORE_STATUSES,
    SCREENED,
    TRIAL_STATES,
    Columns,
    add_packed,
    columns,
    pack,
    refreshed,
)
from db.errors import AlreadyRecorded, NotFound
from db.memory import (
    KnownScore,
    Meeting,
    RecalledScore,
    jobs_of_arch,
    recall,
    scores_of_arch,
    scores_of_archs,
    share_in_memory,
    visited,
)
from db.metrics import add_metrics, metrics
from db.models import Arch, Job, LogLine, Provenance, Score, Trial
from db.plain import clean, finite, spelled_out, to_json
from db.snapshots import add_snapshots
from db.trial_pages import (
    ScoreLine,
    Standing,
    TrialFilter,
    TrialLine,
    standing,
    trial,
    trials_page,
)

__all__ = [
    "SCORE_STATUSES",
    "TRIAL_STATES",
    "ArtifactRow",
    "Batch",
    "Columns",
    "KnownScore",
    "LogRow",
    "Meeting",
    "MetricRow",
    "ProgressRow",
    "RecalledScore",
    "ScoreLine",
    "ScoreRow",
    "SnapshotRow",
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
    "refreshed",
    "scores_of_arch",
    "scores_of_archs",
    "share_in_memory",
    "standing",
    "trial",
    "trials_page",
    "visited",
]

_TRIAL_COLUMNS = (
    "job_id",
    "number",
    "arch_id",
    "state",
    "parents",
    "violation",
    "clock_s",
    "created_at",
)
_SCORE_COLUMNS = (
    "job_id",
    "objective",
    "number",
    "kind",
    "status",
    "value",
    "seconds",
    "from_memory",
    "memory_key",
    "details",
    "provenance_id",
)


_SCORE_KEY = itemgetter(1, 2)  # objective, number


def arch_id(space: str, key: str) -> str:
    """20 hex digits that stand for this arch in every job."""
    return hashlib.blake2b(f"{space}\0{key}".encode(), digest_size=10).hexdigest()


def record(session: Session, job_id: int, token: str, batch: Batch) -> None:
    """Write a batch: trials, scores, progress and checkpoint in the caller's one transaction.

    What a slice has found is written under its job; progress and checkpoint are its own.

    Raises:
        LeaseLost: the job is not this worker's any more.
        AlreadyRecorded: trials of these numbers are there already.
        ValueError: a score says ``ok`` without a finite value, has a value and is not ok, or
            goes with no trial of the batch.
    """
    parent_id = slices.lock_parent(session, job_id)
    fence.hold(session, job_id, token, **_own_values(batch), **_counters(batch))
    if parent_id is not None:
        batch = _follow(session, parent_id, job_id, batch)
        job_id = parent_id
    scores = [_score_values(job_id, score) for score in batch.scores]
    job = session.execute(
        select(Job.space, Job.best, Job.tallies, Job.spec["objectives"].label("objectives")).where(
            Job.id == job_id
        )
    ).one()
    contents = [(id_, to_json(spelled_out(batch.provenance[id_]))) for id_ in batch.provenance]
    bulk.insert_rows(session, Provenance, ("id", "content"), sorted(contents), unless_known=True)
    arch_ids = [arch_id(job.space, row.arch_key) for row in batch.trials]
    objectives = job.objectives or []
    packed = pack(len(objectives), batch.trials, arch_ids, batch.scores)
    _add_archs(session, job.space, arch_ids, batch.trials)
    with _unless_recorded(job_id):
        _add_trials(session, job_id, arch_ids, batch.trials)
        # In the order of the key: so each objective is appended to, and not jumped between.
        bulk.insert_rows(session, Score, _SCORE_COLUMNS, sorted(scores, key=_SCORE_KEY))
    add_packed(session, job_id, packed)
    add_metrics(session, job_id, batch.metrics)
    left_out = add_snapshots(session, job_id, batch.snapshots)
    add_artifacts(session, job_id, batch.artifacts)
    _add_logs(session, job_id, [*batch.logs, *left_out])
    best = _best(job.best or {}, _better(objectives, batch))
    counts = tallies.counted(job.tallies, objectives, batch.scores)
    if (best, counts) != (job.best or {}, job.tallies or {}):
        changed = {"best": best or None, "tallies": counts or None}
        session.execute(update(_table(Job)).where(Job.id == job_id).values(**changed))


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


def _counters(batch: Batch) -> dict[str, Any]:
    """How a batch adds to what the job's row counts."""
    return {
        "version": Job.version + 1,
        "num_trials": Job.num_trials + len(batch.trials),
        "num_screened": Job.num_screened + sum([t.state == SCREENED for t in batch.trials]),
        "num_scores": Job.num_scores + len(batch.scores),
        "num_from_memory": Job.num_from_memory + sum([s.from_memory for s in batch.scores]),
    }


def _own_values(batch: Batch) -> dict[str, Any]:
    """What a batch changes in the row of the job or slice that it comes from."""
    values: dict[str, Any] = {}
    if batch.trials or batch.is_further:
        values["num_losses"] = 0
    if batch.progress is not None:
        values["progress"] = min(max(batch.progress.share, 0.0), 1.0)
        values["eta_s"] = finite(batch.progress.eta_s)
        values["progress_text"] = clean(batch.progress.text)[:200]
    if batch.checkpoint is not None:
        values["checkpoint"] = dict(batch.checkpoint)
    if batch.environment is not None:
        values["environment"] = spelled_out(batch.environment)
    return values


def _follow(session: Session, parent_id: int, slice_id: int, batch: Batch) -> Batch:
    """Let the job of a slice follow what the slice has found, and name it in the log."""
    values = _counters(batch)
    if batch.environment is not None:
        known = select(Job.environment).where(Job.id == parent_id)
        found = spelled_out(batch.environment)
        values["environment"] = _both(session.execute(known).scalar_one(), found)
    session.execute(update(_table(Job)).where(Job.id == parent_id).values(**values))
    slices.note_progress(session, parent_id)
    if not batch.logs:
        return batch
    part = session.execute(select(Job.part).where(Job.id == slice_id)).scalar_one() or 0
    name = slices.part_name(part)
    return replace(batch, logs=[replace(r, message=f"{name}: {r.message}") for r in batch.logs])


def _both(known: dict[str, Any] | None, found: dict[str, Any]) -> dict[str, Any]:
    """The environment of a job whose slices ran under several: the first, and the others."""
    if known is None:
        return found
    others = known.get("others", [])
    first = {name: value for name, value in known.items() if name != "others"}
    return known if found in [first, *others] else {**known, "others": [*others, found]}


def _score_values(job_id: int, score: ScoreRow) -> tuple[Any, ...]:
    is_number = score.value is not None and math.isfinite(score.value)
    if is_number != (score.status == "ok") or (score.value is not None and not is_number):
        raise ValueError(
            f"trial {score.number}, objective {score.objective}: status {score.status} "
            f"does not go with the value {score.value}"
        )
    if score.status not in SCORE_STATUSES:
        raise ValueError(f"trial {score.number}: there is no score status {score.status}")
    return (
        job_id,
        score.objective,
        score.number,
        score.kind,
        score.status,
        score.value,
        score.seconds,
        score.from_memory,
        None if score.from_memory else score.memory_key,
        to_json(spelled_out(score.details)) if score.details else None,
        score.provenance_id,
    )


def _add_archs(
    session: Session, space: str, arch_ids: Sequence[str], trials: Sequence[TrialRow]
) -> None:
    archs = {
        id_: (id_, space, row.arch_key, row.choices)
        for id_, row in zip(arch_ids, trials, strict=True)
    }
    # In the order of ids, so that two workers never wait for each other in a circle.
    rows = [(*archs[id_][:3], to_json(list(archs[id_][3]))) for id_ in sorted(archs)]
    bulk.insert_rows(session, Arch, ("id", "space", "key", "choices"), rows, unless_known=True)


def _add_trials(
    session: Session, job_id: int, arch_ids: Sequence[str], trials: Sequence[TrialRow]
) -> None:
    if not trials:
        return
    at = bulk.instant(session, clock.read_clock(session))
    rows = [
        (
            job_id,
            row.number,
            id_,
            row.state,
            to_json(list(row.parents)) if row.parents else "[]",
            row.violation,
            row.clock_s,
            at,
        )
        for id_, row in zip(arch_ids, trials, strict=True)
    ]
    bulk.insert_rows(session, Trial, _TRIAL_COLUMNS, rows)


@contextmanager
def _unless_recorded(job_id: int) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if "UNIQUE" in str(error.orig) or getattr(error.orig, "sqlstate", "") == "23505":
            raise AlreadyRecorded(
                f"job {job_id} has trials of these numbers already; nothing was written"
            ) from error
        raise


def _add_logs(session: Session, job_id: int, rows: Sequence[LogRow]) -> None:
    if not rows:
        return
    at = clock.read_clock(session)
    last = select(func.coalesce(func.max(LogLine.number), 0)).where(LogLine.job_id == job_id)
    first = session.execute(last).scalar_one() + 1
    values = [
        (job_id, number, bulk.instant(session, row.at or at), row.level, clean(row.message))
        for number, row in enumerate(rows, first)
    ]
    bulk.insert_rows(session, LogLine, ("job_id", "number", "at", "level", "message"), values)


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


def _best(known: Mapping[str, float], found: Mapping[str, tuple[str, float]]) -> dict[str, float]:
    best = dict(known)
    for name, (direction, value) in found.items():
        choose = max if direction == "maximize" else min
        best[name] = choose(value, best.get(name, value))
    return best


def _table(model: type[Any]) -> Table:
    return cast(Table, model.__table__)
