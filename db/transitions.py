"""Which state of a job may follow which, and the one way to change it: with a history."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.orm import Session

from db import clock
from db.models import Job, JobState, StateChange

_S = JobState

# The whole life of a job; docs/jobs.md says who makes which step.
LEGAL: Mapping[JobState, frozenset[JobState]] = {
    _S.DRAFT: frozenset({_S.QUEUED, _S.CANCELLED}),
    _S.QUEUED: frozenset({_S.RUNNING, _S.PAUSED, _S.CANCELLED}),
    _S.RUNNING: frozenset(
        {_S.PAUSING, _S.CANCELLING, _S.SUCCEEDED, _S.FAILED, _S.LOST, _S.QUEUED}
    ),
    _S.PAUSING: frozenset({_S.PAUSED, _S.CANCELLING, _S.SUCCEEDED, _S.FAILED}),
    _S.PAUSED: frozenset({_S.QUEUED, _S.CANCELLED}),
    _S.CANCELLING: frozenset({_S.CANCELLED, _S.SUCCEEDED, _S.FAILED}),
    _S.CANCELLED: frozenset({_S.QUEUED}),
    _S.SUCCEEDED: frozenset(),
    _S.FAILED: frozenset({_S.QUEUED}),
    _S.LOST: frozenset({_S.QUEUED, _S.FAILED}),
}

LEASED = frozenset({_S.RUNNING, _S.PAUSING, _S.CANCELLING})  # a worker holds the job
ENDED = frozenset({_S.CANCELLED, _S.SUCCEEDED, _S.FAILED})
UNFINISHED = frozenset(JobState) - ENDED


def is_legal(old: JobState, new: JobState) -> bool:
    """Whether *new* may follow *old*."""
    return new in LEGAL[old]


def move(
    session: Session,
    job_id: int,
    steps: tuple[JobState, ...],
    *,
    where: ColumnElement[bool],
    actor: str,
    reason: str,
    **values: Any,  # noqa: ANN401
) -> bool:
    """Take a job from the first to the last of *steps*, and write each step down.

    One conditional UPDATE: of several processes that try, exactly one is told True.

    *steps* are the state the job is in now, then every state it passes through; *where* is what
    else must hold for the job to be moved; *values* are columns that change with the state.
    """
    for old, new in pairwise(steps):
        assert is_legal(old, new), f"{old} may not become {new}"
    moved = session.execute(
        update(Job.__table__)  # type: ignore[arg-type]
        .where(Job.id == job_id, Job.state == steps[0], where)
        .values(state=steps[-1], reason=reason, version=Job.version + 1)
        .values(**_entering(steps[-1]), **values)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        return False
    for state in steps[1:]:
        write_history(session, job_id, state, actor=actor, reason=reason)
    return True


def write_history(
    session: Session, job_id: int, state: JobState, *, actor: str, reason: str
) -> None:
    """Add a line to a job's history. The caller has locked the job's row."""
    next_number = (
        select(func.coalesce(func.max(StateChange.number), 0) + 1)
        .where(StateChange.job_id == job_id)
        .scalar_subquery()
    )
    session.execute(
        insert(StateChange).values(
            job_id=job_id,
            number=next_number,
            at=clock.now(),
            state=state,
            reason=reason,
            actor=actor,
        )
    )


def _entering(state: JobState) -> dict[str, Any]:
    """What changes with every arrival in a state."""
    values: dict[str, Any] = {}
    if state not in LEASED:
        values |= {"token": None, "lease_until": None, "worker_id": None}
    if state in ENDED:
        values |= {"finished_at": clock.now(), "eta_s": None}
    if state is JobState.QUEUED:
        values |= {"queued_at": clock.now(), "sent_at": None, "finished_at": None}
    return values
