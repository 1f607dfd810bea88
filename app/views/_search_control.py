"""Against chance: the search beside its random control, over all seeds of the group."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app import (
    against_chance,
    charts,
    other_data,
    pages,
    ranking_truths,
    surpassing,
    wording,
)
from app.against_chance import HYPERVOLUME, Verdict
from app.markdown_table import table
from app.measures import Measure, default_axes
from app.picked import Picked, picked
from app.views import _following, _other_data, _surpassing
from db import jobs
from db.models import Job
from db.session import reading
from search.catalogue import Catalogue

FEW_SEEDS = 5


def has_control(job_id: int) -> bool:
    """There is something to compare with."""
    with reading() as session:
        return bool(jobs.controls(session, job_id))


def show(
    job: Job, measures: Sequence[Measure], catalogue: Catalogue, interval: int | None
) -> None:
    """The tab.

    Args:
        job: the search, or a control.
        measures: its objectives.
        catalogue: has the benchmarks.
        interval: seconds between two looks at the record; None for none.
    """
    if not has_control(job.id):
        st.markdown(
            "A control is a random search of equal budget beside this one. With it this page says "
            "how sure one can be that the search beat chance. Submit a search with *Random "
            "control* switched on, best with several seeds."
        )
        pages.link("new", "Clone with a control", icon=":material/content_copy:", clone=job.id)
        return
    options = [measure.name for measure in measures]
    if len(measures) > 1:
        options.insert(0, HYPERVOLUME)
    by = st.selectbox("Compared by", options, key="by", bind="query-params", width=320)
    _following.follow(job, interval, lambda now: _compared(now, by, measures, catalogue))


def _compared(job: Job, by: str, measures: Sequence[Measure], catalogue: Catalogue) -> None:
    ordered = measures
    if by == HYPERVOLUME:
        ordered = default_axes(measures)
        st.caption(
            f"Of {wording.plain(ordered[1].name)} over {wording.plain(ordered[0].name)}, from one "
            "reference point for all runs: a little worse than the worst that any of them found."
        )
    found = against_chance.verdict(job.id, by, tuple(ordered))
    assert found is not None
    if found.least is not None and found.least.num_trials == 0:
        st.markdown("The comparison appears when every run and its control have had a trial.")
        return
    left, right = st.columns((1.6, 1), gap="medium")
    with left:
        st.plotly_chart(
            charts.control_chart(found, by),
            key="control_chart",
            config=charts.STILL,
            alt=charts.control_alt(found, by),
        )
    with right:
        _words(found, by)
        _seeds(found)
    measure = next((one for one in measures if one.name == by), None)
    if measure is not None:
        _ranks(job, found, measure, catalogue)


def _ranks(job: Job, found: Verdict, measure: Measure, catalogue: Catalogue) -> None:
    """Where the picks of the first seed stand in a benchmark of the space, if there is one."""
    pair = found.pairs[0]
    with reading() as session:
        runs = [jobs.job(session, one.job_id) for one in (pair.search, pair.control)]
    picks = [picked(run, measure) for run in runs]
    archs = [one.arch for one in picks if one is not None]
    with reading() as session:
        known = ranking_truths.known(session, job.space, archs, catalogue)
    truths = [one for one in known.truths if one.space_N is not None]
    if not truths:
        return
    st.markdown(f"**{surpassing.NAME}**, by rank in a benchmark, seed {pair.seed}")
    titles = [one.title for one in truths]
    title = st.selectbox("Ranked by", titles, key="ranked_by", width=320)
    truth = truths[titles.index(title)]
    if truth.kind == ranking_truths.TABLE:
        _other_data.warn(truth.name, truth.dataset, other_data.looked_at([job]))
    _surpassing.show(
        [
            (_picked(name, one, measure), None if one is None else truth.pick(one.arch))
            for name, one in zip(("the search", "its control"), picks, strict=True)
        ],
        truth.name,
    )


def _picked(name: str, one: Picked | None, measure: Measure) -> str:
    return (
        f"{name}: no trial yet"
        if one is None
        else f"trial {one.trial} of {name}: best {measure.name}"
    )


def _words(found: Verdict, by: str) -> None:
    _budgets(found)
    surpass = found.surpass
    if surpass is None or surpass.value is None:
        st.markdown("There is nothing to compare yet: both sides need a trial that counts.")
        return
    low, high = surpass.low or 0.0, 1.0 if surpass.high is None else surpass.high
    num = len(found.results)
    st.metric(
        surpassing.NAME,
        f"{surpass.value:.2f}",
        help="The share of all pairs of a run and a control that the run wins; ties count half. "
        "0.5 is chance.",
    )
    st.markdown(
        f"95 % interval **{low:.2f} to {high:.2f}**, from {wording.counted(num, 'seed')}. "
        f"{_judgement(low, high, by)}"
    )
    if num == 1:
        st.warning(
            "One seed cannot say much: the next one may come out the other way. Clone this "
            "search with five seeds or more.",
            icon=":material/casino:",
        )
    elif num < FEW_SEEDS:
        st.caption(f"{num} seeds leave a wide interval; five or more say clearly more.")


def _budgets(found: Verdict) -> None:
    """After how much of each run they are compared, and what no budget counts."""
    search, control = found.pairs[0].search, found.pairs[0].control
    is_equal = search.budget == control.budget
    if found.least is not None:
        num, chance = search.after(found.least), control.after(found.least)
        of = "each" if is_equal else f"the search and {chance:,} of its control"
        st.caption(
            f":material/hourglass_top: Not all runs came to their end: compared after "
            f"{wording.counted(num, 'trial')} of {of}."
        )
    if not is_equal:
        st.caption(
            f"The control has {control.budget:,} trials for the {search.budget:,} of the search, "
            "because what the search trained without looking at it in full counts too: both train "
            "for as many epochs."
        )
    if found.num_uncounted:
        st.caption(
            f":material/warning: The budget counts trials for all objectives. The searches scored "
            f"{wording.counted(found.num_uncounted, 'architecture')} for some of them besides, "
            "and the controls had nothing for it: where that took long, the search is favoured."
        )


def _judgement(low: float, high: float, by: str) -> str:
    name = wording.plain(by)
    if low > 0.5:
        return f"By {name} the search beats chance."
    if high < 0.5:
        return f"By {name} the search is worse than chance."
    return f"By {name} it cannot be told from chance."


def _seeds(found: Verdict) -> None:
    rows = [
        (
            str(pair.seed),
            *map(_value, found.ends(pair)),
        )
        for pair in found.pairs[:20]
    ]
    st.markdown(table(("seed", "search", "control"), rows))
    if len(found.results) > 1:
        means = (float(np.mean(found.results)), float(np.mean(found.controls)))
        st.caption(f"Mean: {_value(means[0])} of the search, {_value(means[1])} of the control.")


def _value(value: float | None) -> str:
    return wording.plain(wording.number(value))
