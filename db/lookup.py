"""One job: its row, its version, its history."""

from collections.abc import Sequence

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from db.errors import NotFound
from db.models import Job, JobState, StateChange
from db.waiting import waits


def job(session: Session, job_id: int) -> Job:
    """The job of this number.

    Raises:
        NotFound: there is none.
    """
    refuse_impossible(job_id)
    return job_or_slice(session, job_id)


def job_or_slice(session: Session, job_id: int) -> Job:
    """What a worker holds: a job, or a slice of one, whose number is below 0.

    Raises:
        NotFound: there is none.
    """
    found = session.scalars(
        select(Job).where(Job.id == job_id).execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise no_job(job_id)
    return found


def job_version(session: Session, job_id: int) -> int:
    """A number that grows with everything written about the job.

    Raises:
        NotFound: there is no such job.
    """
    refuse_impossible(job_id)
    version = session.scalars(select(Job.version).where(Job.id == job_id)).one_or_none()
    if version is None:
        raise no_job(job_id)
    return version


def history(session: Session, job_id: int) -> Sequence[StateChange]:
    """Every state the job has been in, oldest first."""
    lines = select(StateChange).where(StateChange.job_id == job_id).order_by(StateChange.number)
    return session.scalars(lines).all()


def queue_position(session: Session, job_id: int) -> int | None:
    """1 for the job that its queue's next free worker takes; None for one that is not in line."""
    mine = session.execute(
        select(Job.queue, Job.priority, Job.queued_at).where(
            Job.id == job_id, Job.state == JobState.QUEUED, ~waits()
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
        Job.state == JobState.QUEUED,
        Job.queue == mine.queue,
        Job.parent_id.is_(None),
        ~waits(),
        is_before,
    )
    return session.execute(waiting).scalar_one() + 1


def refuse_impossible(job_id: int) -> None:
    """Databases do not say that a number is missing when it is larger than their columns."""
    if not 0 < job_id < 2**31:
        raise no_job(job_id)


def no_job(job_id: int) -> NotFound:
    """What to raise about a number that no job has."""
    return NotFound(f"there is no job {job_id}")
