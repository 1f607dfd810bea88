"""One search: the front dominates, everything else explains it."""

from dataclasses import dataclass

import streamlit as st

from app import cached, mixtures, pages, states, wording
from app.inheriting import trains_supernet
from app.measures import Measure, measures_of
from app.mixtures import Mixture
from app.views import _search_front, _search_head, _search_tabs
from db import jobs
from db.errors import NotFound
from db.models import Job
from db.session import reading
from search.catalogue import Catalogue

INTERVALS = {"2 s": 2, "5 s": 5, "10 s": 10, "30 s": 30, "off": None}
HEAD_S = 2
# What was chosen for one search; "first_tab" is the one that it was first seen with, so that a
# person who watches its training is not led away when its trials begin.
OF_ONE_SEARCH = (
    *("x", "y", "colour", "log", "page", "sort", "live"),
    *("by", "truth", "distances", "first_tab"),
)


@dataclass(frozen=True)
class Shown:
    """The search that is looked at."""

    job: Job
    measures: tuple[Measure, ...]
    mixed: tuple[Mixture, ...]
    catalogue: Catalogue


def show() -> None:
    """The page."""
    found = _found()
    if found is None:
        return
    _forget_other_searches(found.job.id)
    is_live = found.job.state in states.IN_MOTION
    interval = _interval() if is_live else None
    # The head watches the state also when charts are to stand still: it says what was asked for.
    trains = _search_head.is_training(found.job)
    comes_before = trains_supernet(found.job.spec) and not found.job.num_trials
    often = (interval or HEAD_S) if is_live else None
    _search_head.show(found.job.id, found.job.state, often, was_training=trains)
    if trains:
        st.caption("Its front appears here when the supernet is trained and the search begins.")
    elif found.job.num_trials or is_live:
        _search_front.show(found.job.id, (*found.measures, *found.mixed), interval)
    else:
        has_ended = found.job.state in jobs.ENDED
        looked = "was looked at in this search" if has_ended else "has been looked at yet"
        first = "The supernet is trained before. " if comes_before and not has_ended else ""
        st.info(f"{first}No architecture {looked}.", icon=":material/info:")
    _search_tabs.show(
        found.job,
        found.measures,
        found.mixed,
        found.catalogue,
        interval,
        first=st.session_state.setdefault("first_tab", "training" if comes_before else None),
    )


def _found() -> Shown | None:
    text = st.query_params.get("id", "")
    catalogue = cached.offered()
    try:
        with reading() as session:
            job = jobs.job(session, int(text) if text.isascii() and text.isdigit() else 0)
    except NotFound:
        st.title("No such search", anchor=False)
        st.markdown(
            f"There is no search {wording.plain(text) or 'without a number'} here. It may be in "
            "another database, or the address may have lost a digit."
        )
        pages.link("searches", "All searches", icon=":material/list:")
        return None
    measures = measures_of(job.spec, catalogue)
    weights = mixtures.read_weights(st.query_params.get("weights", ""))
    mixed = mixtures.mixtures(measures, st.query_params.get_all("mix"), weights)
    return Shown(job, measures, mixed, catalogue)


def _forget_other_searches(job_id: int) -> None:
    """Axes and tabs belong to one search: another one begins with its own."""
    if st.session_state.get("shown_job", job_id) != job_id:
        for key in OF_ONE_SEARCH:
            st.session_state.pop(key, None)
    st.session_state["shown_job"] = job_id


def _interval() -> int | None:
    """As chosen; by the address before the choice has been drawn for the first time."""
    chosen = st.session_state.get("live", st.query_params.get("live", "2 s"))
    return INTERVALS.get(chosen, 2)
