"""The sweep: jobs whose worker is silent are taken back, messages that nobody took sent again."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from db import clock, slices, waiting
from db.models import Job, JobState
from db.transitions import LEASED, move

MAX_LOSSES = 5  # a job lost so often in a row without a new trial is given up
SENT_AT_ONCE = 20  # messages of one queue that one sweep sends again


@dataclass(frozen=True)
class Swept:
    """What a sweep found: ids of lost jobs, and (id, queue) of those to be sent (again)."""

    lost: list[int]
    to_send: list[tuple[int, str]]


def sweep(
    session: Session,
    *,
    unclaimed_after_s: float,
    idle_queues: Collection[str] = (),
    actor: str = "sweep",
) -> Swept:
    """Find what was lost: jobs whose lease has ended, and messages that nobody took.

    Every worker's parent does this every few seconds; several at once do no harm. Jobs to be
    sent are marked as sent: when sending fails, a later sweep finds them again.

    Args:
        session: writes.
        unclaimed_after_s: how long a message may wait for somebody who is free.
        idle_queues: those that the caller would take a message of now, so that one that waits
            for long must be lost.
        actor: who sweeps.
    """
    lost = [found.id for found in _expired(session) if _take_back(session, found, actor)]
    waiting.forsake(session, actor)
    to_send = _unclaimed(session, unclaimed_after_s, idle_queues)
    mark_sent(session, [job_id for job_id, _ in to_send])
    return Swept(lost, to_send)


def mark_sent(session: Session, job_ids: Collection[int]) -> None:
    """Remember that messages for these jobs have gone out.

    A job that somebody else writes about right now is left out: whoever waited for it here could
    hold what the other waits for.
    """
    free = select(Job.id).where(Job.id.in_(job_ids)).with_for_update(skip_locked=True)
    table = Job.__table__
    session.execute(
        update(table)  # type: ignore[arg-type]
        .where(Job.id.in_(session.scalars(free).all()))
        .values(sent_at=clock.now())
    )


@dataclass(frozen=True)
class _Expired:
    id: int
    parent_id: int | None
    token: str | None
    state: JobState
    num_losses: int
    worker_id: str | None


def _expired(session: Session) -> list[_Expired]:
    """Jobs whose lease has ended; those that somebody writes about right now are left alone.

    Parents are locked before their slices, as everywhere.
    """
    has_ended = (Job.lease_until < clock.now(), Job.state.in_(LEASED))
    parents = set(session.scalars(select(Job.parent_id).where(*has_ended))) - {None}
    locked = session.scalars(
        select(Job.id).where(Job.id.in_(parents)).with_for_update(skip_locked=True)
    ).all()
    query = (
        select(Job.id, Job.parent_id, Job.token, Job.state, Job.num_losses, Job.worker_id)
        .where(*has_ended, or_(Job.parent_id.is_(None), Job.parent_id.in_(locked)))
        .order_by(Job.id)
        .with_for_update(skip_locked=True)
    )
    return [_Expired(*row) for row in session.execute(query)]


def _take_back(session: Session, found: _Expired, actor: str) -> bool:
    """Settle a job whose lease has ended; True when it was lost (not asked to stop)."""
    losses = found.num_losses + 1
    why = f"nothing was heard of worker {found.worker_id} in time"
    steps: tuple[JobState, ...]
    match found.state:
        case JobState.CANCELLING:
            steps = (found.state, JobState.CANCELLED)
        case JobState.PAUSING:
            steps = (found.state, JobState.PAUSED)
        case _ if losses >= MAX_LOSSES:
            steps = (found.state, JobState.LOST, JobState.FAILED)
            why += f"; lost {losses} times in a row without a new trial, so it is given up"
        case _:
            steps = (found.state, JobState.LOST, JobState.QUEUED)
    is_lost = JobState.LOST in steps
    is_moved = move(
        session,
        found.id,
        steps,
        where=Job.token == found.token,
        actor=actor,
        reason=why,
        num_losses=losses if is_lost else found.num_losses,
    )
    if is_moved and found.parent_id is not None:
        if is_lost:
            slices.tell(session, found.id, found.parent_id, why)
        is_given_back = steps[-1] is JobState.QUEUED
        slices.settle(session, found.parent_id, actor, why, is_given_back=is_given_back)
    return is_moved and is_lost


def _unclaimed(
    session: Session, unclaimed_after_s: float, idle_queues: Collection[str]
) -> list[tuple[int, str]]:
    """Jobs whose message was never sent, or must be lost because the caller would take it."""
    is_overdue = Job.sent_at < clock.after(-unclaimed_after_s)
    is_due = or_(Job.sent_at.is_(None), and_(Job.queue.in_(idle_queues), is_overdue))
    place = func.row_number().over(
        partition_by=Job.queue, order_by=(Job.priority.desc(), Job.queued_at, Job.id)
    )
    due = (
        select(Job.id, Job.queue, place.label("place"))
        .where(Job.state == JobState.QUEUED, Job.num_slices == 0, is_due, ~waiting.waits())
        .subquery()
    )
    rows = session.execute(
        select(due.c.id, due.c.queue)
        .where(due.c.place <= SENT_AT_ONCE)
        .order_by(due.c.queue, due.c.place)
    ).all()
    return [(row.id, row.queue) for row in rows]
