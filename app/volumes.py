"""Hypervolumes of several searches from one reference point, so that they can be compared."""

from collections.abc import Sequence
from dataclasses import replace

from app import cached, front, team
from app.measures import Measure
from db.models import Job
from search.catalogue import Catalogue


def hypervolumes(jobs: Sequence[Job], catalogue: Catalogue) -> dict[int, float]:
    """By job; searches that measured the same two things share a reference point.

    Jobs without two measures or without a trial are left out, and very large ones.
    """
    found: dict[int, float] = {}
    for group in team.comparables(jobs, catalogue):
        axes = {job.id: _axes(job, group) for job in group.jobs}
        points = [
            front.reference_point(cached.columns(job.id, job.version), axes[job.id])
            for job in group.jobs
        ]
        known = [point for point in points if point is not None]
        if not known:
            continue
        reference = tuple(
            max(values) if measure.direction == "minimize" else min(values)
            for measure, values in zip((group.x, group.y), zip(*known, strict=True), strict=True)
        )
        for job in group.jobs:
            curve = cached.curve_of(job.id, job.version, axes[job.id], reference)
            if curve is not None:
                found[job.id] = curve.last
    return found


def _axes(job: Job, group: team.Comparable) -> tuple[Measure, Measure]:
    places = {part["name"]: place for place, part in enumerate(job.spec["objectives"])}
    x, y = (replace(one, place=places[one.name]) for one in (group.x, group.y))
    return x, y
