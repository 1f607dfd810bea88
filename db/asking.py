"""What people ask of a job: submit, cancel, pause, resume, retry."""

from collections.abc import Mapping

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from db import slices, waiting
from db.errors import WrongState
from db.lookup import no_job, refuse_impossible
from db.models import Job, JobState
from db.transitions import move

_S = JobState


def submit_draft(session: Session, job_id: int, actor: str) -> None:
    """Put a draft into the queue."""
    _ask(session, job_id, {_S.DRAFT: _S.QUEUED}, "submitted", actor, "submit")


def cancel(session: Session, job_id: int, actor: str, reason: str = "") -> JobState:
    """Ask for the end of a job; at once when no worker has it.

    Raises:
        NotFound: there is no such job.
        WrongState: it has ended, or is ending.
    """
    asked = {
        _S.DRAFT: _S.CANCELLED,
        _S.QUEUED: _S.CANCELLED,
        _S.PAUSED: _S.CANCELLED,
        _S.RUNNING: _S.CANCELLING,
        _S.PAUSING: _S.CANCELLING,
    }
    return _ask(session, job_id, asked, reason or f"cancelled by {actor}", actor, "cancel")


def pause(session: Session, job_id: int, actor: str, reason: str = "") -> JobState:
    """Ask a job to stop for now; at once when no worker has it.

    Raises:
        NotFound: there is no such job.
        WrongState: it neither waits nor runs.
    """
    asked = {_S.QUEUED: _S.PAUSED, _S.RUNNING: _S.PAUSING}
    return _ask(session, job_id, asked, reason or f"paused by {actor}", actor, "pause")


def resume(session: Session, job_id: int, actor: str, reason: str = "") -> JobState:
    """Let a paused job go on from its checkpoint.

    Raises:
        NotFound: there is no such job.
        WrongState: it is not paused.
    """
    asked = {_S.PAUSED: _S.QUEUED}
    return _ask(session, job_id, asked, reason or f"resumed by {actor}", actor, "resume")


def retry(session: Session, job_id: int, actor: str, reason: str = "") -> JobState:
    """Let a failed or cancelled job go on from its checkpoint, and its control wait for it again.

    Raises:
        NotFound: there is no such job.
        WrongState: it has neither failed nor been cancelled.
    """
    asked = {_S.FAILED: _S.QUEUED, _S.CANCELLED: _S.QUEUED}
    state = _ask(session, job_id, asked, reason or f"tried again by {actor}", actor, "retry")
    waiting.take_up(session, job_id, actor)
    return state


def _ask(  # one line for each of the verbs above
    session: Session,
    job_id: int,
    asked: Mapping[JobState, JobState],
    reason: str,
    actor: str,
    verb: str,
) -> JobState:
    """Do what a person asks for, from whichever state the job is in; of all its slices too."""
    refuse_impossible(job_id)
    locked = select(Job.state, Job.num_slices).where(Job.id == job_id)
    found = session.execute(locked.with_for_update()).one_or_none()
    if found is None:
        raise no_job(job_id)
    if found.state not in asked:
        raise WrongState(f"job {job_id} is {found.state}: {_hint(verb, asked)}")
    new = asked[found.state]
    fresh = {"num_losses": 0} if new is _S.QUEUED else {}
    moved = move(
        session, job_id, (found.state, new), where=true(), actor=actor, reason=reason, **fresh
    )
    assert moved, "the row was locked by the statement before"
    if found.num_slices:
        slices.move_slices(session, job_id, asked, actor, reason)
        new = slices.settle(session, job_id, actor, reason)
    return new


def _hint(verb: str, asked: Mapping[JobState, JobState]) -> str:
    return f"{verb} is possible while it is {' or '.join(asked)}"
