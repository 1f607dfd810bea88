"""Controls: random searches of equal budget beside a search, and how far each has come."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db.columns import columns
from db.models import Job


@dataclass(frozen=True)
class Control:
    """Two jobs of one group: a search, and its random control of equal budget and seed."""

    job_id: int
    control_id: int
    seed: int


def control_of(session: Session, job_id: int) -> int | None:
    """The control of a job; None when it has none."""
    found = select(Job.id).where(Job.control_of == job_id).order_by(Job.id).limit(1)
    return session.execute(found).scalar_one_or_none()


def controls(session: Session, job_id: int) -> list[Control]:
    """The searches of this job's group (or the job alone) that have a control, oldest first.

    *job_id* may be the search or the control.
    """
    mine = session.execute(select(Job.group_id).where(Job.id == job_id)).scalar_one_or_none()
    is_mine = or_(Job.id == job_id, Job.control_of == job_id)
    if mine is not None:
        is_mine = Job.group_id == mine
    rows = session.execute(
        select(Job.control_of, Job.id, Job.seed)
        .where(is_mine, Job.control_of.is_not(None))
        .order_by(Job.control_of)
    )
    return [Control(row.control_of or 0, row.id, row.seed) for row in rows]


def best_so_far(session: Session, job_id: int, objective: int) -> NDArray[np.float64]:
    """The best value of an objective after 1, 2, ... N full trials; nan before there is one.

    Only feasible trials with a value count. A trial that was screened only is left out, because
    it uses up no budget. Trials that are still missing (a slice that runs) are left out too.

    Args:
        session: reads.
        job_id: the search, or its control.
        objective: its place in the spec, from 0.
    """
    spec = session.execute(select(Job.spec["objectives"]).where(Job.id == job_id)).scalar_one()
    found = columns(session, job_id)
    is_full_N = ~found.is_screened
    values_N = np.where(found.is_feasible, found.values[:, objective], np.nan)[is_full_N]
    best = np.fmin if _direction(spec, objective) == "minimize" else np.fmax
    so_far: NDArray[np.float64] = best.accumulate(values_N) if len(values_N) else values_N
    return so_far


def _direction(objectives: Sequence[dict[str, str]], place: int) -> str:
    return objectives[place].get("direction") or "maximize"
