"""The life of a job. Functions take the session first and never commit."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from db import clock, slices
from db.asking import cancel, pause, resume, retry, submit_draft
from db.claims import Claim, claim, keep_lease, release
from db.controls import Control, best_so_far, control_of, controls
from db.job_list import (
    Group,
    JobFilter,
    Page,
    counts_by_state,
    distinct_values,
    groups,
    jobs_page,
    num_jobs,
)
from db.lookup import history, job, job_or_slice, job_version, queue_position
from db.models import Job, JobState, StateChange
from db.projects import project_id
from db.slices import Slice, next_slice, slices_of, to_send
from db.sweeping import MAX_LOSSES, Swept, mark_sent, sweep
from db.transitions import ENDED, LEASED, LEGAL, UNFINISHED, is_legal, write_history
from db.waiting import describe_anew, supernet_for, waits_for

__all__ = [
    "ENDED",
    "LEASED",
    "LEGAL",
    "MAX_LOSSES",
    "UNFINISHED",
    "Claim",
    "Control",
    "Group",
    "JobFilter",
    "JobState",
    "NewJob",
    "Page",
    "Slice",
    "StateChange",
    "Swept",
    "add_job",
    "best_so_far",
    "cancel",
    "claim",
    "control_of",
    "controls",
    "counts_by_state",
    "describe_anew",
    "distinct_values",
    "groups",
    "history",
    "is_legal",
    "job",
    "job_or_slice",
    "job_version",
    "jobs_page",
    "keep_lease",
    "mark_sent",
    "next_slice",
    "num_jobs",
    "pause",
    "queue_position",
    "release",
    "resume",
    "retry",
    "slices_of",
    "submit_draft",
    "supernet_for",
    "sweep",
    "to_send",
    "waits_for",
]


@dataclass(frozen=True)
class NewJob:
    """What is known of a job before it is one.

    Attributes:
        spec: JSON; ``objectives`` has a direction in every entry.
        control_of: the job that this one is the random control of.
        num_slices: into how many it is cut; 0 lets it run whole.
    """

    name: str
    owner: str
    project: str
    spec: dict[str, Any]
    space: str
    strategy: str
    spec_digest: str
    seed: int
    queue: str = "cpu"
    group_id: str | None = None
    cloned_from: int | None = None
    control_of: int | None = None
    num_slices: int = 0
    state: JobState = JobState.QUEUED
    priority: int = 0


def add_job(session: Session, new: NewJob, *, actor: str | None = None) -> Job:
    """Put a job into the record, with its slices, as a draft or into the queue."""
    assert new.state in (JobState.DRAFT, JobState.QUEUED), f"a new job cannot be {new.state}"
    assert new.num_slices != 1, "one slice is the whole"
    is_queued = new.state is JobState.QUEUED
    values = {name: value for name, value in vars(new).items() if name != "project"}
    added = Job(
        **values,
        project_id=project_id(session, new.project),
        reason="submitted" if is_queued else "",
        created_at=clock.now(),
        queued_at=clock.now() if is_queued else None,
    )
    session.add(added)
    session.flush()
    write_history(session, added.id, new.state, actor=actor or new.owner, reason=added.reason)
    if new.num_slices:
        slices.add_slices(session, added)
    session.refresh(added)
    return added
