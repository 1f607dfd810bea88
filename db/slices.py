"""Slices: a job that is cut runs as several rows of its table, and they settle what it is.

A slice is a job with a parent: claimed, leased, fenced, swept and asked to stop like any other.
What it finds is written under the parent, whose state and figures follow in the same
transaction. Whoever changes a slice's state, or writes about it, first locks the parent's row
(``lock_parent``), so that two never wait for each other in a circle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, insert, select, true, update
from sqlalchemy.orm import Session

from db import clock
from db.models import Job, JobState, LogLine
from db.transitions import LEASED, move, write_history
from db.waiting import waits

_S = JobState

# Slices have ids below 0, so that the searches that people see are numbered without gaps.
IDS_PER_JOB = 1000

# What is left of a cut job ends when one slice has failed.
_STOP_REST = {
    _S.QUEUED: _S.CANCELLED,
    _S.PAUSED: _S.CANCELLED,
    _S.RUNNING: _S.CANCELLING,
    _S.PAUSING: _S.CANCELLING,
}


@dataclass(frozen=True)
class Slice:
    """One slice of a job that is cut.

    Attributes:
        part: its place among the slices, from 0.
        of: how many there are.
    """

    id: int
    job_id: int
    part: int
    of: int
    worker_id: str | None
    progress: float
    state: JobState

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{part_name(self.part)} of {self.of}"


def add_slices(session: Session, parent: Job) -> None:
    """Write down the slices of a job that says how many it has."""
    copied = ("project_id", "owner", "name", "space", "strategy", "spec_digest", "seed", "queue")
    values = {name: getattr(parent, name) for name in (*copied, "priority", "state", "reason")}
    slices = [
        Job(
            id=part - parent.id * IDS_PER_JOB,
            **values,
            spec={},  # its parent's
            parent_id=parent.id,
            part=part,
            created_at=clock.now(),
            queued_at=clock.now() if parent.state is _S.QUEUED else None,
        )
        for part in range(parent.num_slices)
    ]
    session.add_all(slices)
    session.flush()
    for added in slices:
        write_history(session, added.id, parent.state, actor=parent.owner, reason=parent.reason)


def part_name(part: int) -> str:
    """What people call a slice."""
    return f"slice {part + 1}"


def lock_parent(session: Session, job_id: int) -> int | None:
    """Lock the parent of a slice and give its id; None when the job is no slice."""
    parent_id = session.execute(select(Job.parent_id).where(Job.id == job_id)).scalar_one_or_none()
    if parent_id is not None:
        session.execute(select(Job.id).where(Job.id == parent_id).with_for_update())
    return parent_id


def slices_of(
    session: Session, job_ids: Sequence[int], states: Sequence[JobState] = tuple(JobState)
) -> list[Slice]:
    """The slices of these jobs that are in one of these states, in order."""
    rows = session.execute(
        select(Job.id, Job.parent_id, Job.part, Job.worker_id, Job.progress, Job.state)
        .where(Job.parent_id.in_(job_ids), Job.state.in_(states))
        .order_by(Job.parent_id, Job.part)
    ).all()
    wanted = {row.parent_id for row in rows}
    nums: dict[int, int] = dict(
        session.execute(select(Job.id, Job.num_slices).where(Job.id.in_(wanted))).all()
    )
    return [
        Slice(
            id=row.id,
            job_id=row.parent_id,
            part=row.part,
            of=nums[row.parent_id],
            worker_id=row.worker_id,
            progress=row.progress,
            state=row.state,
        )
        for row in rows
    ]


def to_send(session: Session, job_id: int) -> list[tuple[int, str]]:
    """(id, queue) of what a worker can take: the job itself, or those of its slices that wait."""
    waiting = select(Job.id, Job.queue).where(
        Job.state == _S.QUEUED, Job.num_slices == 0, ~waits()
    )
    mine = (Job.id == job_id) | (Job.parent_id == job_id)
    return [(row.id, row.queue) for row in session.execute(waiting.where(mine).order_by(Job.id))]


def next_slice(session: Session, slice_id: int) -> int | None:
    """A slice that waits beside this one, so that a worker can go on with the same job."""
    parent_id = select(Job.parent_id).where(Job.id == slice_id).scalar_subquery()
    waiting = select(Job.id).where(Job.parent_id == parent_id, Job.state == _S.QUEUED)
    return session.execute(waiting.order_by(Job.part).limit(1)).scalar_one_or_none()


def move_slices(
    session: Session, parent_id: int, steps: Mapping[JobState, JobState], actor: str, reason: str
) -> None:
    """Move every slice whose state is a key of *steps*; the caller has locked the parent."""
    rows = session.execute(
        select(Job.id, Job.state)
        .where(Job.parent_id == parent_id, Job.state.in_(steps))
        .order_by(Job.id)
        .with_for_update()
    ).all()
    for row in rows:
        new = steps[row.state]
        fresh = {"num_losses": 0} if new is _S.QUEUED else {}
        move(session, row.id, (row.state, new), where=true(), actor=actor, reason=reason, **fresh)


def begin(session: Session, parent_id: int, actor: str) -> None:
    """A slice has been taken: so its job runs."""
    move(
        session,
        parent_id,
        (_S.QUEUED, _S.RUNNING),
        where=true(),
        actor=actor,
        reason="taken by a worker",
        attempt=Job.attempt + 1,
        started_at=func.coalesce(Job.started_at, clock.now()),
    )
    note_progress(session, parent_id)


def settle(
    session: Session, parent_id: int, actor: str, reason: str, *, is_given_back: bool = False
) -> JobState:
    """What a job comes to now that the state of one of its slices, or its own, has changed.

    Args:
        session: holds the lock of the parent's row.
        parent_id: the job that is cut.
        actor: who changed it.
        reason: why; written with the job when it changes.
        is_given_back: a slice waits again that a worker had; when no other is held, the job
            waits too.

    Returns:
        The state the job is in now.
    """
    now = session.execute(select(Job.state).where(Job.id == parent_id)).scalar_one()
    failed = _first_failed(session, parent_id)
    if failed is not None and now in LEASED:
        move_slices(session, parent_id, _STOP_REST, actor, "another slice has failed")
    states = _states(session, parent_id)
    new = _whole(now, states)
    if is_given_back and new is _S.RUNNING and LEASED.isdisjoint(states):
        new = _S.QUEUED
    if new is not now:
        is_over = new is _S.SUCCEEDED
        move(
            session,
            parent_id,
            (now, new),
            where=true(),
            actor=actor,
            reason=failed if failed is not None and new is _S.FAILED else reason,
            **({"progress": 1.0} if is_over else {}),
        )
    note_progress(session, parent_id)
    return new


def note_progress(session: Session, parent_id: int) -> None:
    """Write how far the slices are into their job's row."""
    rows = session.execute(
        select(Job.state, Job.progress, Job.eta_s, Job.num_trials).where(
            Job.parent_id == parent_id
        )
    ).all()
    num = len(rows)
    share = sum(1.0 if row.state is _S.SUCCEEDED else row.progress for row in rows) / num
    running = [row for row in rows if row.state in LEASED]
    pace = sum((1 - row.progress) / row.eta_s for row in running if row.eta_s) / num
    num_done = sum(row.state is _S.SUCCEEDED for row in rows)
    text = f"{sum(row.num_trials for row in rows):,} trials; slices: {num_done} of {num} done"
    session.execute(
        update(Job.__table__)  # type: ignore[arg-type]
        .where(Job.id == parent_id)
        .values(
            progress=share,
            eta_s=(1 - share) / pace if pace > 0 else None,
            progress_text=text + (f", {len(running)} running" if running else ""),
            version=Job.version + 1,
        )
    )


def tell(session: Session, job_id: int, parent_id: int, message: str) -> None:
    """Write a warning about a slice into its job's log; the caller has locked the parent."""
    row = session.execute(select(Job.part).where(Job.id == job_id)).one()
    last = select(func.coalesce(func.max(LogLine.number), 0) + 1).where(
        LogLine.job_id == parent_id
    )
    session.execute(
        insert(LogLine).values(
            job_id=parent_id,
            number=last.scalar_subquery(),
            at=clock.now(),
            level="warning",
            message=f"{part_name(row.part)}: {message}",
        )
    )


def _states(session: Session, parent_id: int) -> list[JobState]:
    return list(session.scalars(select(Job.state).where(Job.parent_id == parent_id)))


def _first_failed(session: Session, parent_id: int) -> str | None:
    """Which slice failed and why."""
    row = session.execute(
        select(Job.part, Job.reason)
        .where(Job.parent_id == parent_id, Job.state == _S.FAILED)
        .order_by(Job.part)
        .limit(1)
    ).one_or_none()
    return None if row is None else f"{part_name(row.part)}: {row.reason}"


def _whole(now: JobState, slices: Sequence[JobState]) -> JobState:
    """The state of a job that is in *now*, by those of its slices.

    While a worker holds one of them, or more are to follow, nothing changes.
    """
    if now not in LEASED or not LEASED.isdisjoint(slices):
        return now
    if all(state is _S.SUCCEEDED for state in slices):
        return _S.SUCCEEDED
    if any(state is _S.FAILED for state in slices):
        return _S.FAILED
    return {_S.PAUSING: _S.PAUSED, _S.CANCELLING: _S.CANCELLED}.get(now, now)
