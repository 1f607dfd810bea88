"""The life of a job. Functions take the session first and never commit."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    and_,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from db import clock, fence
from db.errors import NotFound, WrongState
from db.job_list import (
    Group,
    JobFilter,
    Page,
    counts_by_state,
    distinct_values,
    groups,
    jobs_page,
    num_jobs,
)
from db.models import Job, JobState, StateChange, Worker
from db.projects import project_id
from db.transitions import ENDED, LEASED, LEGAL, UNFINISHED, is_legal, move, write_history

__all__ = [
    "ENDED",
    "LEASED",
    "LEGAL",
    "MAX_LOSSES",
    "UNFINISHED",
    "Claim",
    "Group",
    "JobFilter",
    "JobState",
    "NewJob",
    "Page",
    "StateChange",
    "Swept",
    "add_job",
    "cancel",
    "claim",
    "counts_by_state",
    "distinct_values",
    "groups",
    "history",
    "is_legal",
    "job",
    "job_version",
    "jobs_page",
    "keep_lease",
    "mark_sent",
    "num_jobs",
    "pause",
    "queue_position",
    "release",
    "resume",
    "retry",
    "submit_draft",
    "sweep",
]

MAX_LOSSES = 5  # a job lost so often in a row without a new trial is given up
SENT_AT_ONCE = 20  # messages of one queue that one sweep sends again
WORKER_LIVES_S = 60.0  # heard of within this time


@dataclass(frozen=True)
class NewJob:
    """What is known of a job before it is one.

    Attributes:
        spec: JSON; ``objectives`` has a direction in every entry.
    """

    name: str
    owner: str
    project: str
    spec: dict[str, Any]
    space: str
    strategy: str
    spec_digest: str
    seed: int
    queue: str = "cpu"
    group_id: str | None = None
    cloned_from: int | None = None
    state: JobState = JobState.QUEUED
    priority: int = 0


@dataclass(frozen=True)
class Claim:
    """A job that is this worker's until the lease ends."""

    token: str
    spec: dict[str, Any]
    checkpoint: dict[str, Any] | None
    attempt: int


@dataclass(frozen=True)
class Swept:
    """What a sweep found: ids of lost jobs, and (id, queue) of those to be sent (again)."""

    lost: list[int]
    to_send: list[tuple[int, str]]


def add_job(session: Session, new: NewJob, *, actor: str | None = None) -> Job:
    """Put a job into the record, as a draft or into the queue."""
    assert new.state in (JobState.DRAFT, JobState.QUEUED), f"a new job cannot be {new.state}"
    is_queued = new.state is JobState.QUEUED
    values = {name: value for name, value in vars(new).items() if name != "project"}
    added = Job(
        **values,
        project_id=project_id(session, new.project),
        reason="submitted" if is_queued else "",
        created_at=clock.now(),
        queued_at=clock.now() if is_queued else None,
    )
    session.add(added)
    session.flush()
    write_history(session, added.id, new.state, actor=actor or new.owner, reason=added.reason)
    session.refresh(added)
    return added


def submit_draft(session: Session, job_id: int, actor: str) -> None:
    """Put a draft into the queue."""
    _ask(session, job_id, {JobState.DRAFT: JobState.QUEUED}, "submitted", actor, "submit")


def claim(session: Session, job_id: int, *, worker_id: str, lease_s: float) -> Claim | None:
    """Take a queued job; None when it cannot be taken (a repeated message does no harm)."""
    token = uuid.uuid4().hex
    is_taken = move(
        session,
        job_id,
        (JobState.QUEUED, JobState.RUNNING),
        where=true(),
        actor=worker_id,
        reason="taken by a worker",
        token=token,
        worker_id=worker_id,
        lease_until=clock.after(lease_s),
        attempt=Job.attempt + 1,
        started_at=func.coalesce(Job.started_at, clock.now()),
    )
    if not is_taken:
        return None
    row = session.execute(
        select(Job.spec, Job.checkpoint, Job.attempt).where(Job.id == job_id)
    ).one()
    return Claim(token, row.spec, row.checkpoint, row.attempt)


def keep_lease(session: Session, job_id: int, token: str, lease_s: float) -> JobState:
    """Renew the lease; the state tells the worker whether it is asked to pause or cancel.

    Raises:
        LeaseLost: the job is not this worker's any more.
    """
    fence.hold(session, job_id, token, lease_until=clock.after(lease_s))
    return session.execute(select(Job.state).where(Job.id == job_id)).scalar_one()


def release(
    session: Session, job_id: int, token: str, *, state: JobState, reason: str
) -> JobState:
    """Let go of a job whose process has ended, and say how it ended.

    ``QUEUED`` gives an unfinished job back (a worker that is stopped in good order); when a
    person has asked for a pause or an end meanwhile, that is what the job comes to.

    Returns:
        The state the job is in now.

    Raises:
        LeaseLost: the job is not this worker's any more.
        WrongState: this end is not open to a job that nobody asked to pause or cancel.
    """
    fence.hold(session, job_id, token)
    now = session.execute(select(Job.state).where(Job.id == job_id)).scalar_one()
    new = _settled(now, state)
    if not is_legal(now, new):
        raise WrongState(f"job {job_id} is {now} and cannot become {new}")
    moved = move(
        session,
        job_id,
        (now, new),
        where=Job.token == token,
        actor=_worker_of(session, job_id),
        reason=reason,
        **({"progress": 1.0} if new is JobState.SUCCEEDED else {}),
    )
    assert moved, "the row was locked by the statement before"
    return new


def cancel(session: Session, job_id: int, actor: str, reason: str = "") -> JobState:
    """Ask for the end of a job; at once when no worker has it.

    Raises:
        NotFound: there is no such job.
        WrongState: it has ended, or is ending.
    """
    asked = {
        JobState.DRAFT: JobState.CANCELLED,
        JobState.QUEUED: JobState.CANCELLED,
        JobState.PAUSED: JobState.CANCELLED,
        JobState.RUNNING: JobState.CANCELLING,
        JobState.PAUSING: JobState.CANCELLING,
    }
    return _ask(session, job_id, asked, reason or f"cancelled by {actor}", actor, "cancel")


def pause(session: Session, job_id: int, actor: str, reason: str = "") -> JobState:
    """Ask a job to stop for now; at once when no worker has it.

    Raises:
        NotFound: there is no such job.
        WrongState: it neither waits nor runs.
    """
    asked = {JobState.QUEUED: JobState.PAUSED, JobState.RUNNING: JobState.PAUSING}
    return _ask(session, job_id, asked, reason or f"paused by {actor}", actor, "pause")


def resume(session: Session, job_id: int, actor: str, reason: str = "") -> JobState:
    """Let a paused job go on from its checkpoint.

    Raises:
        NotFound: there is no such job.
        WrongState: it is not paused.
    """
    asked = {JobState.PAUSED: JobState.QUEUED}
    return _ask(session, job_id, asked, reason or f"resumed by {actor}", actor, "resume")


def retry(session: Session, job_id: int, actor: str, reason: str = "") -> JobState:
    """Let a failed or cancelled job go on from its checkpoint.

    Raises:
        NotFound: there is no such job.
        WrongState: it has neither failed nor been cancelled.
    """
    asked = {JobState.FAILED: JobState.QUEUED, JobState.CANCELLED: JobState.QUEUED}
    return _ask(session, job_id, asked, reason or f"tried again by {actor}", actor, "retry")


def sweep(session: Session, *, unclaimed_after_s: float, actor: str = "sweep") -> Swept:
    """Find what was lost: jobs whose lease has ended, and messages that nobody took.

    Every worker's parent does this every few seconds; several at once do no harm. Jobs to be
    sent are marked as sent: when sending fails, a later sweep finds them again.
    """
    lost = [found.id for found in _expired(session) if _take_back(session, found, actor)]
    to_send = _unclaimed(session, unclaimed_after_s)
    mark_sent(session, [job_id for job_id, _ in to_send])
    return Swept(lost, to_send)


def mark_sent(session: Session, job_ids: Collection[int]) -> None:
    """Remember that messages for these jobs have gone out."""
    if job_ids:
        table = Job.__table__
        session.execute(
            update(table).where(Job.id.in_(job_ids)).values(sent_at=clock.now())  # type: ignore[arg-type]
        )


def queue_position(session: Session, job_id: int) -> int | None:
    """1 for the job that its queue's next free worker takes; None when it does not wait."""
    mine = session.execute(
        select(Job.queue, Job.priority, Job.queued_at).where(
            Job.id == job_id, Job.state == JobState.QUEUED
        )
    ).one_or_none()
    if mine is None:
        return None
    is_before = or_(
        Job.priority > mine.priority,
        and_(Job.priority == mine.priority, Job.queued_at < mine.queued_at),
        and_(Job.priority == mine.priority, Job.queued_at == mine.queued_at, Job.id < job_id),
    )
    waiting = select(func.count(Job.id)).where(
        Job.state == JobState.QUEUED, Job.queue == mine.queue, is_before
    )
    return session.execute(waiting).scalar_one() + 1


def job(session: Session, job_id: int) -> Job:
    """The job of this number.

    Raises:
        NotFound: there is none.
    """
    _refuse_impossible(job_id)
    found = session.scalars(
        select(Job).where(Job.id == job_id).execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise _no_job(job_id)
    return found


def job_version(session: Session, job_id: int) -> int:
    """A number that grows with everything written about the job.

    Raises:
        NotFound: there is no such job.
    """
    _refuse_impossible(job_id)
    version = session.scalars(select(Job.version).where(Job.id == job_id)).one_or_none()
    if version is None:
        raise _no_job(job_id)
    return version


def history(session: Session, job_id: int) -> Sequence[StateChange]:
    """Every state the job has been in, oldest first."""
    lines = select(StateChange).where(StateChange.job_id == job_id).order_by(StateChange.number)
    return session.scalars(lines).all()


def _ask(
    session: Session,
    job_id: int,
    asked: dict[JobState, JobState],
    reason: str,
    actor: str,
    verb: str,
) -> JobState:
    """Do what a person asks for, from whichever state the job is in."""
    _refuse_impossible(job_id)
    locked = select(Job.state).where(Job.id == job_id).with_for_update()
    now = session.execute(locked).scalar_one_or_none()
    if now is None:
        raise _no_job(job_id)
    if now not in asked:
        raise WrongState(f"job {job_id} is {now}: {_hint(verb, asked)}")
    fresh = {"num_losses": 0} if asked[now] is JobState.QUEUED else {}
    moved = move(
        session, job_id, (now, asked[now]), where=true(), actor=actor, reason=reason, **fresh
    )
    assert moved, "the row was locked by the statement before"
    return asked[now]


def _hint(verb: str, asked: dict[JobState, JobState]) -> str:
    return f"{verb} is possible while it is {' or '.join(asked)}"


def _refuse_impossible(job_id: int) -> None:
    """Databases do not say that a number is missing when it is larger than their columns."""
    if not 0 < job_id < 2**31:
        raise _no_job(job_id)


def _no_job(job_id: int) -> NotFound:
    return NotFound(f"there is no job {job_id}")


def _settled(now: JobState, wanted: JobState) -> JobState:
    """What a job comes to whose process is gone: what people asked for comes first."""
    if now is JobState.CANCELLING and wanted in (JobState.QUEUED, JobState.PAUSED):
        return JobState.CANCELLED
    if now is JobState.PAUSING and wanted is JobState.QUEUED:
        return JobState.PAUSED
    return wanted


def _worker_of(session: Session, job_id: int) -> str:
    return session.execute(select(Job.worker_id).where(Job.id == job_id)).scalar_one() or ""


@dataclass(frozen=True)
class _Expired:
    id: int
    token: str | None
    state: JobState
    num_losses: int
    worker_id: str | None


def _expired(session: Session) -> list[_Expired]:
    """Jobs whose lease has ended; those that somebody writes about right now are left alone."""
    query = (
        select(Job.id, Job.token, Job.state, Job.num_losses, Job.worker_id)
        .where(Job.lease_until < clock.now(), Job.state.in_(LEASED))
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
    return (
        move(
            session,
            found.id,
            steps,
            where=Job.token == found.token,
            actor=actor,
            reason=why,
            num_losses=losses if is_lost else found.num_losses,
        )
        and is_lost
    )


def _unclaimed(session: Session, unclaimed_after_s: float) -> list[tuple[int, str]]:
    """Jobs whose message was never sent, or seems to be lost because workers are free."""
    is_due = or_(Job.sent_at.is_(None), Job.sent_at < clock.after(-unclaimed_after_s))
    place = func.row_number().over(
        partition_by=Job.queue, order_by=(Job.priority.desc(), Job.queued_at, Job.id)
    )
    due = (
        select(Job.id, Job.queue, Job.sent_at, place.label("place"))
        .where(Job.state == JobState.QUEUED, is_due)
        .subquery()
    )
    rows = session.execute(
        select(due.c.id, due.c.queue, due.c.sent_at)
        .where(due.c.place <= SENT_AT_ONCE)
        .order_by(due.c.queue, due.c.place)
    ).all()
    free = {queue: _has_free_worker(session, queue) for queue in {row.queue for row in rows}}
    return [(row.id, row.queue) for row in rows if row.sent_at is None or free[row.queue]]


def _has_free_worker(session: Session, queue: str) -> bool:
    """Whether a message of this queue that waits for long must be a lost one."""
    held = select(func.count(Job.id)).where(Job.queue == queue, Job.state.in_(LEASED))
    serving = session.scalars(
        select(Worker.queues).where(
            Worker.stopped_at.is_(None), Worker.heard_at > clock.after(-WORKER_LIVES_S)
        )
    )
    num_serving = sum(queue in queues for queues in serving)
    return session.execute(held).scalar_one() < max(num_serving, 1)
