"""Rows of the record as plain values: what the API answers and what --json prints."""

from collections.abc import Sequence
from typing import Any

from db.models import Job, StateChange, Worker
from db.tallies import tallies

LISTED = (
    "id",
    "name",
    "state",
    "reason",
    "owner",
    "space",
    "strategy",
    "seed",
    "queue",
    "group_id",
    "cloned_from",
    "control_of",
    "num_slices",
    "created_at",
    "started_at",
    "finished_at",
    "progress",
    "progress_text",
    "eta_s",
    "num_trials",
    "num_screened",
    "num_scores",
    "num_from_memory",
    "best",
)
TIMES = frozenset({"created_at", "started_at", "finished_at"})


def job_as_json(job: Job) -> dict[str, Any]:
    """What a list of jobs tells of one."""
    return {name: _time(job, name) if name in TIMES else getattr(job, name) for name in LISTED}


def whole_job_as_json(job: Job, history: Sequence[StateChange]) -> dict[str, Any]:
    """Everything about one job but its trials."""
    return {
        **job_as_json(job),
        "attempt": job.attempt,
        "environment": job.environment,
        "scores_from": [
            {
                "objective": tally.objective,
                "equivalence": tally.equivalence,
                "measured": tally.measured,
                "shared": tally.shared,
                "recalled": tally.recalled,
            }
            for tally in tallies(job)
        ],
        "spec": job.spec,
        "history": [
            {"at": h.at.isoformat(), "state": h.state, "reason": h.reason, "actor": h.actor}
            for h in history
        ],
    }


def worker_as_json(worker: Worker) -> dict[str, Any]:
    """What is known of a worker; the catalogue it offers is left out."""
    return {
        "id": worker.id,
        "host": worker.host,
        "pid": worker.pid,
        "queues": worker.queues,
        "started_at": _time(worker, "started_at"),
        "heard_at": _time(worker, "heard_at"),
    }


def _time(row: object, name: str) -> str | None:
    moment = getattr(row, name)
    return None if moment is None else moment.isoformat()
