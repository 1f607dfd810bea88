"""A search beside its random control of equal budget: how far each came, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app import cached, front
from app.measures import Measure
from db import jobs
from db.session import database_url, reading
from search.correlation import Estimate, probability_to_surpass
from search.traits import Direction

HYPERVOLUME = "hypervolume"
MAX_STEPS = 400
NUM_RUNS = 200


@dataclass(frozen=True, eq=False)
class Run:
    """One job's best value over its trials, as steps.

    Attributes:
        trials_K: after how many trials a value was reached, ascending.
        values_K: the best so far then.
        num_trials: that the job has had.
        is_whole: it has come to its end by itself, not cancelled or failed before.
    """

    job_id: int
    trials_K: NDArray[np.float64]
    values_K: NDArray[np.float64]
    num_trials: int
    is_whole: bool

    def at(self, num_trials: int | None) -> float | None:
        """The best after so many trials, or at the end; None when nothing counted by then."""
        if num_trials is None:
            num_trials = self.num_trials
        place = int(np.searchsorted(self.trials_K, num_trials, side="right")) - 1
        return float(self.values_K[place]) if place >= 0 else None


@dataclass(frozen=True)
class Pair:
    """A search and its control, of one seed."""

    seed: int
    search: Run
    control: Run


@dataclass(frozen=True)
class Verdict:
    """How sure one can be that the search beats chance.

    Attributes:
        pairs: of all seeds.
        num_trials: so many trials of each run are compared; None when all are over and whole.
        results, controls: what the runs came to; seeds of which one has nothing are left out.
        surpass: the probability to surpass random search; None when nothing can be compared.
    """

    pairs: tuple[Pair, ...]
    direction: Direction
    num_trials: int | None
    results: tuple[float, ...]
    controls: tuple[float, ...]
    surpass: Estimate | None


def verdict(job_id: int, by: str, measures: Sequence[Measure]) -> Verdict | None:
    """Compare all seeds of a search's group with their controls; None when there is none.

    Args:
        job_id: the search, or a control.
        by: the name of an objective, or ``hypervolume`` of the first two measures given.
        measures: of the search.
    """
    with reading() as session:
        found = jobs.controls(session, job_id)
        members = {
            one: jobs.job(session, one) for pair in found for one in (pair.job_id, pair.control_id)
        }
        versions = {
            one: (job.version, job.state is jobs.JobState.SUCCEEDED)
            for one, job in members.items()
        }
    if not found:
        return None
    measure = next((one for one in measures if one.name == by), None)
    reference = None if measure else _reference(versions, measures)
    runs = {
        one: _run(one, version, is_whole, measure, tuple(measures), reference)
        for one, (version, is_whole) in versions.items()
    }
    pairs = tuple(Pair(one.seed, runs[one.job_id], runs[one.control_id]) for one in found)
    return compared(pairs, measure.direction if measure else "maximize")


def compared(pairs: tuple[Pair, ...], direction: Direction) -> Verdict:
    """What runs of equal budget came to; unless all are over and whole, after as many trials."""
    runs = [run for pair in pairs for run in (pair.search, pair.control)]
    num = None if all(run.is_whole for run in runs) else min(run.num_trials for run in runs)
    ends = [(pair.search.at(num), pair.control.at(num)) for pair in pairs]
    both = [(a, b) for a, b in ends if a is not None and b is not None]
    results, controls = tuple(a for a, _ in both), tuple(b for _, b in both)
    surpass = probability_to_surpass(results, controls, direction=direction) if both else None
    return Verdict(pairs, direction, num, results, controls, surpass)


def _run(
    job_id: int,
    version: int,
    is_whole: bool,
    measure: Measure | None,
    measures: tuple[Measure, ...],
    reference: tuple[float, ...] | None,
) -> Run:
    if measure is not None:
        trials_K, values_K, num = _best(database_url(), job_id, version, measure)
        return Run(job_id, trials_K, values_K, num, is_whole)
    num = len(cached.columns(job_id, version))
    curve = cached.curve_of(job_id, version, measures[:2], reference) if reference else None
    if curve is None:
        return Run(job_id, np.empty(0), np.empty(0), num, is_whole)
    trials_K, values_K = (each.astype(np.float64) for each in (curve.trials_K, curve.volume_K))
    return Run(job_id, trials_K, values_K, num, is_whole)


@st.cache_resource(max_entries=NUM_RUNS, show_spinner=False)
def _best(
    database: str, job_id: int, version: int, measure: Measure
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    del database, version  # a part of the key
    with reading() as session:
        best_N = jobs.best_so_far(session, job_id, measure.place)
    rises = np.flatnonzero(np.diff(best_N, prepend=np.nan) != 0)
    rises = rises[np.isfinite(best_N[rises])]
    return (rises + 1).astype(np.float64), best_N[rises], len(best_N)


def _reference(
    versions: dict[int, tuple[int, bool]], measures: Sequence[Measure]
) -> tuple[float, ...] | None:
    """The same for all runs: the worst of their default reference points."""
    points = [
        front.reference_point(cached.columns(job_id, version), measures[:2])
        for job_id, (version, _) in versions.items()
    ]
    known = [point for point in points if point is not None]
    if not known:
        return None
    return tuple(
        max(values) if measure.direction == "minimize" else min(values)
        for measure, values in zip(measures[:2], zip(*known, strict=True), strict=True)
    )
