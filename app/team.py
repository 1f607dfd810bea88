"""The team's front: what all searches together found, and who contributed which point."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from app import cached
from app.charts import Contribution
from app.measures import Measure, default_axes, measures_of
from db.models import Job
from search import pareto
from search.catalogue import Catalogue

NEW_FOR = timedelta(days=7)
NUM_JOBS = 40
MAX_TRIALS = 200_000  # a search larger than this is left to its own page


@dataclass(frozen=True)
class Comparable:
    """Two measures that mean the same in several jobs: their values may be pooled."""

    key: tuple[str, ...]
    x: Measure
    y: Measure
    jobs: tuple[Job, ...]

    @property
    def title(self) -> str:
        """What stands over what, and where."""
        return f"{self.y.name} over {self.x.name}, {self.jobs[0].space}"


def comparables(jobs: Sequence[Job], catalogue: Catalogue) -> list[Comparable]:
    """Groups of jobs whose default axes are the same quantities, the largest first."""
    groups: dict[tuple[str, ...], list[tuple[Job, Measure, Measure]]] = {}
    for job in jobs:
        measures = measures_of(job.spec, catalogue)
        if len(measures) < 2 or not 0 < job.num_trials <= MAX_TRIALS:
            continue
        x, y = default_axes(measures)
        key = (job.space, *meaning(job, x), *meaning(job, y))
        groups.setdefault(key, []).append((job, x, y))
    found = [
        Comparable(key, members[0][1], members[0][2], tuple(job for job, _, _ in members))
        for key, members in groups.items()
    ]
    return sorted(found, key=lambda group: len(group.jobs), reverse=True)


def contributions(group: Comparable, now: datetime | None = None) -> list[Contribution]:
    """What each job of a group puts on the front of all of them."""
    now = now or datetime.now(UTC)
    fronts = [_points(job, group) for job in group.jobs]
    values = np.concatenate([points for points, _ in fronts])
    owners = np.repeat(np.arange(len(fronts)), [len(points) for points, _ in fronts])
    if not len(values):
        return []
    is_kept = pareto.front(values, (group.x.direction, group.y.direction))
    archs = np.concatenate([ids for _, ids in fronts])
    made = []
    for place, job in enumerate(group.jobs):
        mine = is_kept & (owners == place)
        if mine.any():
            ids = [arch_id.decode() for arch_id in archs[mine]]
            is_new = now - job.created_at < NEW_FOR
            made.append(Contribution(job.name, is_new, values[mine, 0], values[mine, 1], ids))
    return made


def _points(job: Job, group: Comparable) -> tuple[Any, Any]:
    names = {part["name"]: place for place, part in enumerate(job.spec["objectives"])}
    held = cached.columns(job.id, job.version)
    x, y = (_at(names[measure.name], measure) for measure in (group.x, group.y))
    rows = cached.front_of(job.id, job.version, x, y).rows_K
    return held.values[rows][:, [x.place, y.place]], held.arch_ids[rows]


def _at(place: int, measure: Measure) -> Measure:
    return Measure(**{**vars(measure), "place": place})


def meaning(job: Job, measure: Measure) -> tuple[str, ...]:
    """What the values of a measure depend on; equal means that they may stand side by side."""
    part = job.spec["objectives"][measure.place]
    params = repr(sorted((part.get("params") or {}).items()))
    depends_on = [measure.name, measure.metric, measure.direction, params]
    if measure.kind != "table":
        depends_on += [repr(job.spec.get("network")), repr(job.spec.get("data"))]
    if measure.kind == "supernet":
        depends_on.append(repr(job.spec.get("supernet")))
    if measure.metric.startswith(("latency", "peak")):
        depends_on.append(repr(job.environment))
    return tuple(depends_on)
