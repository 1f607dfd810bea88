"""The token: only the worker that holds a job writes about it."""

from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from db.errors import LeaseLost
from db.models import Job


def hold(session: Session, job_id: int, token: str, **values: Any) -> None:  # noqa: ANN401
    """Lock the job's row for the holder of this token: first statement of a worker's write.

    *values* are columns to change by the way.

    Raises:
        LeaseLost: another worker holds the job, or nobody does.
    """
    held = session.execute(
        update(Job.__table__)  # type: ignore[arg-type]
        .where(Job.id == job_id, Job.token == token)
        .values(**(values or {"token": token}))
    )
    if held.rowcount != 1:  # type: ignore[attr-defined]
        raise LeaseLost(f"job {job_id} is not this worker's any more; nothing was written")
