"""What the record has of the supernet of a search: its checkpoint, its log, its ranking."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app import ranking
from app.ranking import Look
from db import artifacts, jobs, snapshots
from db.errors import NotFound
from db.jobs import JobFilter
from db.models import Job

Told = list[tuple[int, Mapping[str, Any]]]
RANKING, CHOICES, SPLITS = "ranking", "choices", "splits"
METHOD_LOGS = ("paths", "data", "picks", "routing")
MAX_SEEDS = 20
MAX_TOLD = 1000
NO_TRAINER = (
    "No search here has trained the supernet that this one reads: it was imported, or is not in "
    "the record any more."
)


def digest_of(session: Session, job: Job) -> str | None:
    """The supernet that a search used: the one it was given, or the one that it trained."""
    use = job.spec.get("supernet") or {}
    if use.get("checkpoint"):
        return str(use["checkpoint"])
    return artifacts.trained_by(session, job.id)


def trainer_of(session: Session, job: Job) -> Job | None:
    """The search in which the supernet was trained; None for one imported or forgotten."""
    use = job.spec.get("supernet") or {}
    if not use.get("checkpoint"):
        return job if use else None
    try:
        job_id = artifacts.artifact(session, str(use["checkpoint"])).job_id
    except NotFound:
        return None
    return None if job_id is None else jobs.job(session, job_id)


def told(session: Session, job_id: int, name: str) -> Told:
    """The snapshots of a name, by step."""
    found = snapshots.snapshots(session, job_id, name, limit=MAX_TOLD)
    return [(one.step, one.content) for one in found]


def last(session: Session, job_id: int, name: str) -> snapshots.Told | None:
    """The latest snapshot of a name."""
    return snapshots.last_snapshot(session, job_id, name)


def looks(session: Session, job_id: int) -> tuple[Look, ...]:
    """What a supernet said of its probes, over its training."""
    return ranking.looks(told(session, job_id, RANKING))


def other_seeds(session: Session, job: Job) -> list[Job]:
    """The searches of the group that train by the same recipe with another seed, one for each.

    A control trains the same supernet as its search: it would agree with that perfectly.
    """
    if job.group_id is None:
        return []
    members = jobs.jobs_page(session, JobFilter(group=job.group_id), per_page=MAX_SEEDS).rows
    own = (job.spec.get("supernet") or {}).get("recipe")
    by_seed = {
        other.seed: other
        for other in sorted(members, key=lambda one: (one.control_of is None, one.id))
        if other.seed != job.seed and (other.spec.get("supernet") or {}).get("recipe") == own
    }
    return list(by_seed.values())
