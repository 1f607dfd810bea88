"""A search beside its random control of equal budget: how far each came, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app import cached, front
from app.measures import Measure
from db import jobs
from db.models import Job
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
        num_trials: that the job has had in full.
        is_whole: it has come to its end by itself, not cancelled or failed before.
        budget: of full trials; None when another budget ends it.
        num_screened: trials for some of the objectives, which that budget does not count.
    """

    job_id: int
    trials_K: NDArray[np.float64]
    values_K: NDArray[np.float64]
    num_trials: int
    is_whole: bool
    budget: int | None = None
    num_screened: int = 0

    @property
    def share(self) -> float:
        """How much of its budget it has had; of any but trials, how many it has had."""
        return self.num_trials / (self.budget or 1)

    def after(self, least: "Run | None") -> int:
        """So many trials are as large a share as *least* has had of its budget; all for None."""
        if least is None:
            return self.num_trials
        if self.budget is None or least.budget is None:
            return least.num_trials
        return least.num_trials * self.budget // least.budget

    def at(self, num_trials: int) -> float | None:
        """The best after so many trials; None when nothing counted by then."""
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
        least: the run that has had the least of its budget, by which all are cut; None when all
            are over and whole.
        results, controls: what the runs came to; seeds of which one has nothing are left out.
        surpass: the probability to surpass random search; None when nothing can be compared.
    """

    pairs: tuple[Pair, ...]
    direction: Direction
    least: Run | None
    results: tuple[float, ...]
    controls: tuple[float, ...]
    surpass: Estimate | None

    def ends(self, pair: Pair) -> tuple[float | None, float | None]:
        """What a pair came to, as far as it is compared."""
        both = (pair.search, pair.control)
        search, control = (run.at(run.after(self.least)) for run in both)
        return search, control

    @property
    def num_uncounted(self) -> int:
        """Trials of the searches that no budget counts and that their controls have not had."""
        return sum(
            pair.search.num_screened
            for pair in self.pairs
            if pair.search.budget is not None and pair.search.budget == pair.control.budget
        )


@dataclass(frozen=True)
class _Member:
    """A job of the group as it is now."""

    version: int
    is_whole: bool
    budget: int | None
    num_screened: int


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
        now = {one: _member(job) for one, job in members.items()}
    if not found:
        return None
    measure = next((one for one in measures if one.name == by), None)
    reference = None if measure else _reference(now, measures)
    runs = {
        one: _run(one, member, measure, tuple(measures), reference) for one, member in now.items()
    }
    pairs = tuple(Pair(one.seed, runs[one.job_id], runs[one.control_id]) for one in found)
    return compared(pairs, measure.direction if measure else "maximize")


def compared(pairs: tuple[Pair, ...], direction: Direction) -> Verdict:
    """What runs of equal budget came to; unless all are whole, after an equal share of it."""
    runs = [run for pair in pairs for run in (pair.search, pair.control)]
    least = None if all(run.is_whole for run in runs) else min(runs, key=lambda run: run.share)
    found = Verdict(pairs, direction, least, (), (), None)
    ends = [found.ends(pair) for pair in pairs]
    both = [(a, b) for a, b in ends if a is not None and b is not None]
    if not both:
        return found
    results, controls = zip(*both, strict=True)
    surpass = probability_to_surpass(results, controls, direction=direction)
    return Verdict(pairs, direction, least, results, controls, surpass)


def _member(job: Job) -> _Member:
    is_whole = job.state is jobs.JobState.SUCCEEDED
    return _Member(job.version, is_whole, job.spec["budget"].get("trials"), job.num_screened)


def _run(
    job_id: int,
    member: _Member,
    measure: Measure | None,
    measures: tuple[Measure, ...],
    reference: tuple[float, ...] | None,
) -> Run:
    rest = (member.is_whole, member.budget, member.num_screened)
    if measure is not None:
        return Run(job_id, *_best(database_url(), job_id, member.version, measure), *rest)
    num = int((~cached.columns(job_id, member.version).is_screened).sum())
    curve = None
    if reference:
        curve = cached.curve_of(job_id, member.version, measures[:2], reference)
    if curve is None:
        return Run(job_id, np.empty(0), np.empty(0), num, *rest)
    return Run(job_id, curve.trials_K.astype(np.float64), curve.volume_K, num, *rest)


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
    members: dict[int, _Member], measures: Sequence[Measure]
) -> tuple[float, ...] | None:
    """The same for all runs: the worst of their default reference points."""
    points = [
        front.reference_point(cached.columns(job_id, member.version), measures[:2])
        for job_id, member in members.items()
    ]
    known = [point for point in points if point is not None]
    if not known:
        return None
    return tuple(
        max(values) if measure.direction == "minimize" else min(values)
        for measure, values in zip(measures[:2], zip(*known, strict=True), strict=True)
    )
