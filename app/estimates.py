"""What a search will cost, as far as earlier ones tell: evaluations, minutes, known scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app import training_estimate
from db import jobs, pace
from db.jobs import JobFilter
from db.models import JobState
from db.pace import Pace
from search.catalogue import Catalogue, Plugin
from search.check import num_evaluations
from search.spec import Objective, Submission

SHARED_S = 1e-3  # a training that took less was another objective's


@dataclass(frozen=True)
class Estimate:
    """What to expect; None where nothing is known.

    Attributes:
        num_evaluations: trials of one seed, at most.
        share_known: of the scores, about; at least so much comes from memory.
        seconds: of one seed, about.
        num_ahead: searches that wait for the same kind of worker.
        training_s: seconds of the training of a supernet before; 0 when there is none.
    """

    num_evaluations: int | None
    share_known: float
    seconds: float | None
    num_ahead: int
    training_s: float | None = 0.0


def estimate(session: Session, submission: Submission, catalogue: Catalogue) -> Estimate:
    """Ask the record what searches like this one cost."""
    num = num_evaluations(submission, catalogue)
    found = pace.paces(session, submission.space.name)
    size = _size(submission, catalogue)
    known = [_share_known(session, o, submission, found, size) for o in submission.objectives]
    spent = [_seconds(o, submission, found, catalogue) for o in submission.objectives]
    waiting = JobFilter(states=(JobState.QUEUED,))
    seconds = None
    if num is not None and all(s is not None for s in spent):
        fresh = [(s or 0.0) * (1 - k) for s, k in zip(spent, known, strict=True)]
        seconds = num * sum(fresh)
        warm = submission.warm_start
        if warm is not None and warm.objective <= len(fresh):
            seconds += min(warm.pool, size or warm.pool) * fresh[warm.objective - 1]
    if submission.budget.minutes is not None:
        most = submission.budget.minutes * 60
        seconds = most if seconds is None else min(seconds, most)
    return Estimate(
        num,
        sum(known) / len(known),
        seconds,
        jobs.num_jobs(session, waiting),
        training_estimate.seconds(session, submission, catalogue),
    )


def _size(submission: Submission, catalogue: Catalogue) -> int | None:
    space = catalogue.plugin("space", submission.space.name)
    size = space.traits.get("size") if space else None
    return int(size) if size else None


def _seconds(
    objective: Objective, submission: Submission, found: list[Pace], catalogue: Catalogue
) -> float | None:
    """Of the newest search with the same network and batch, else of the newest at all.

    A training takes as many times as long as it has times as many epochs. One that another
    objective has carried out already took no time, so it tells nothing.
    """
    if objective.metric == "table":
        return 0.0
    training = catalogue.plugin("training", objective.metric)
    same = [p for p in found if _part(p)["metric"] == objective.metric]
    if training is not None:
        same = [p for p in same if p.seconds > SHARED_S]
    alike = [p for p in same if _setting(p.spec) == _setting(submission.model_dump(mode="json"))]
    pace = next(iter([*alike, *same]), None)
    if pace is None or training is None:
        return pace.seconds if pace is not None else None
    ratio = _epochs(objective.params, training) / _epochs(_part(pace).get("params"), training)
    return pace.seconds * ratio


def _epochs(params: Mapping[str, Any] | None, training: Plugin) -> float:
    """As many as the parameters say, else the training's own number; at least one."""
    default = training.parameters.get("properties", {}).get("epochs", {}).get("default", 1)
    return max(1.0, float((params or {}).get("epochs", default)))


def _share_known(
    session: Session,
    objective: Objective,
    submission: Submission,
    found: list[Pace],
    size: int | None,
) -> float:
    """How much of the space was measured under exactly these settings."""
    if not size:
        return 0.0
    content = submission.model_dump(mode="json")
    ids = [
        p.job_id
        for p in found
        if _part(p)["metric"] == objective.metric
        and (_part(p).get("params") or {}) == objective.params
        and _setting(p.spec) == _setting(content)
    ]
    return min(pace.num_archs(session, ids) / size, 1.0) if ids else 0.0


def _part(found: Pace) -> dict[str, Any]:
    part: dict[str, Any] = found.spec["objectives"][found.place]
    return part


def _setting(spec: dict[str, Any]) -> tuple[Any, ...]:
    return (spec.get("network"), spec.get("data"), spec.get("seed"), spec.get("device"))
