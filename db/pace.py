"""How long scores took, and how much of a space was seen: for estimates before a submission."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Job, Score, Trial

NUM_JOBS = 30
NUM_SCORES = 500  # of each objective; its first trials tell enough


@dataclass(frozen=True)
class Pace:
    """What measuring one objective of one job cost, per score."""

    job_id: int
    spec: dict[str, Any]
    place: int
    seconds: float


def paces(session: Session, space: str) -> list[Pace]:
    """The latest jobs of a space, the newest first; recalled scores do not count."""
    newest = (
        select(Job.id, Job.spec)
        .where(Job.space == space, Job.num_trials > 0, Job.parent_id.is_(None))
        .order_by(Job.id.desc())
        .limit(NUM_JOBS)
    )
    specs = {row.id: row.spec for row in session.execute(newest)}
    rows = session.execute(
        select(Score.job_id, Score.objective, func.avg(Score.seconds))
        .where(
            Score.job_id.in_(specs),
            Score.objective.in_(range(32)),
            Score.number < NUM_SCORES,
            Score.from_memory.is_(False),
        )
        .group_by(Score.job_id, Score.objective)
        .order_by(Score.job_id.desc(), Score.objective)
    )
    return [Pace(job_id, specs[job_id], place, float(s)) for job_id, place, s in rows]


def num_archs(session: Session, job_ids: Sequence[int]) -> int:
    """How many different architectures these jobs have looked at."""
    seen = select(func.count(Trial.arch_id.distinct())).where(Trial.job_id.in_(job_ids))
    return session.execute(seen).scalar_one()
