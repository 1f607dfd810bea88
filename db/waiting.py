"""Controls that wait: they search the supernet that their search trains, not one of their own.

Whether one waits is no state of its own but follows from the record: it is the control of a
search that has not trained its supernet yet, and it has not begun. So nothing has to be told when
the supernet is there: from then on a control can be taken like any other job.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, select, true
from sqlalchemy.orm import Session, aliased

from db import fence
from db.artifacts import trained, trained_by
from db.models import Artifact, Job, JobState
from db.transitions import move

FORSAKEN = "the trained supernet of its search will not come"
_HINTS = {
    JobState.FAILED: "has failed; retry that one",
    JobState.CANCELLED: "is cancelled; retry that one",
    JobState.SUCCEEDED: "had one, and it was discarded",
}


def waits() -> ColumnElement[bool]:
    """Whether a job is a control that has to wait; for statements about the table of jobs."""
    is_trained = exists().where(Artifact.job_id == Job.control_of, trained())
    return and_(
        Job.control_of.is_not(None),
        Job.spec[("supernet", "recipe", "name")].as_string().is_not(None),
        Job.checkpoint.is_(None),
        ~is_trained,
    )


def waits_for(session: Session, job_id: int) -> int | None:
    """The search whose supernet a job waits for; None when it does not wait for any."""
    found = select(Job.control_of).where(Job.id == job_id, waits())
    return session.execute(found).scalar_one_or_none()


def supernet_for(session: Session, job: Job) -> str | None:
    """The supernet that a control finds trained as it begins; None for any other job."""
    use = job.spec.get("supernet") or {}
    if job.control_of is None or job.checkpoint is not None or not use.get("recipe"):
        return None
    return trained_by(session, job.control_of)


def describe_anew(
    session: Session, job_id: int, token: str, spec: dict[str, Any], spec_digest: str
) -> None:
    """Write down what a control searches, now that it is known.

    Raises:
        LeaseLost: the job is not this worker's any more.
    """
    fence.hold(session, job_id, token, spec=spec, spec_digest=spec_digest, version=Job.version + 1)


def forsake(session: Session, actor: str) -> None:
    """End the controls that wait for what will not come.

    Their searches are locked, so that none is tried again meanwhile and finds no control to take
    up.
    """
    search = aliased(Job)
    rows = session.execute(
        select(Job.id, Job.state, search.id.label("search_id"), search.state.label("ended"))
        .join(search, search.id == Job.control_of)
        .where(Job.state.in_((JobState.QUEUED, JobState.PAUSED)), waits())
        .where(search.state.in_(_HINTS))
        .order_by(Job.id)
        .with_for_update(of=search, skip_locked=True)
    ).all()
    for row in rows:
        why = f"{FORSAKEN}: search {row.search_id} {_HINTS[row.ended]}"
        steps = (row.state, JobState.CANCELLED)
        move(session, row.id, steps, where=true(), actor=actor, reason=why)


def take_up(session: Session, search_id: int, actor: str) -> None:
    """Let the controls of a search wait again that ended because it had."""
    forsaken = select(Job.id).where(
        Job.control_of == search_id,
        Job.state == JobState.CANCELLED,
        Job.reason.startswith(FORSAKEN),
    )
    why = f"search {search_id} is tried again"
    steps = (JobState.CANCELLED, JobState.QUEUED)
    for job_id in session.scalars(forsaken.order_by(Job.id)).all():
        move(session, job_id, steps, where=true(), actor=actor, reason=why)
