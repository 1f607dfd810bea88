"""Who has a job: taken, kept and let go by workers."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from db import clock, fence, slices, tallies
from db.errors import WrongState
from db.models import Job, JobState
from db.transitions import is_legal, move
from db.waiting import waits


@dataclass(frozen=True)
class Claim:
    """A job that is this worker's until the lease ends.

    Attributes:
        spec: of a slice, its job's.
        parent_id: the job that this is a slice of, if it is one.
    """

    token: str
    spec: dict[str, Any]
    checkpoint: dict[str, Any] | None
    attempt: int
    parent_id: int | None = None


def claim(session: Session, job_id: int, *, worker_id: str, lease_s: float) -> Claim | None:
    """Take a queued job; None when it cannot be taken (a repeated message does no harm)."""
    token = uuid.uuid4().hex
    parent_id = slices.lock_parent(session, job_id)
    is_taken = move(
        session,
        job_id,
        (JobState.QUEUED, JobState.RUNNING),
        where=and_(Job.num_slices == 0, ~waits()),  # one that is cut is taken slice by slice
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
    if parent_id is not None:
        slices.begin(session, parent_id, worker_id)
    row = session.execute(select(Job.checkpoint, Job.attempt).where(Job.id == job_id)).one()
    spec = session.execute(select(Job.spec).where(Job.id == (parent_id or job_id))).scalar_one()
    return Claim(token, spec, row.checkpoint, row.attempt, parent_id)


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
    parent_id = slices.lock_parent(session, job_id)
    fence.hold(session, job_id, token)
    held = session.execute(select(Job.state, Job.worker_id).where(Job.id == job_id)).one()
    new = _settled(held.state, state)
    if not is_legal(held.state, new):
        raise WrongState(f"job {job_id} is {held.state} and cannot become {new}")
    actor = held.worker_id or ""
    moved = move(
        session,
        job_id,
        (held.state, new),
        where=Job.token == token,
        actor=actor,
        reason=reason,
        **({"progress": 1.0} if new is JobState.SUCCEEDED else {}),
    )
    assert moved, "the row was locked by the statement before"
    whole = new
    if parent_id is not None:
        is_given_back = new is JobState.QUEUED
        whole = slices.settle(session, parent_id, actor, reason, is_given_back=is_given_back)
    if whole is JobState.SUCCEEDED:
        tallies.tell(session, parent_id or job_id)
    return new


def _settled(now: JobState, wanted: JobState) -> JobState:
    """What a job comes to whose process is gone: what people asked for comes first."""
    if now is JobState.CANCELLING and wanted in (JobState.QUEUED, JobState.PAUSED):
        return JobState.CANCELLED
    if now is JobState.PAUSING and wanted is JobState.QUEUED:
        return JobState.PAUSED
    return wanted
