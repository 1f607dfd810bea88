"""Searches: the team's whole history, filtered, sorted and paged by the database."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app import cached, job_rows, pages, states, wording
from db import jobs
from db.errors import WrongState
from db.jobs import JobFilter, Page
from db.models import Job, JobState
from db.session import reading
from workers import queue

PER_PAGE = (25, 50, 100)
SORTS = {
    "newest": ("created_at", True),
    "oldest": ("created_at", False),
    "name": ("name", False),
    "state": ("state", False),
    "trials": ("num_trials", True),
    "finished": ("finished_at", True),
}
REFRESH_S = 5
ANY = "any"
CANCELLABLE = frozenset(
    {JobState.DRAFT, JobState.QUEUED, JobState.RUNNING, JobState.PAUSING, JobState.PAUSED}
)


@dataclass(frozen=True)
class View:
    """What the list shows."""

    wanted: JobFilter
    sort: str
    per_page: int


def show() -> None:
    """The page."""
    title, button = st.columns((5, 1), vertical_alignment="center", wrap=False)
    title.title("Searches", anchor=False)
    if button.button(
        "New search", icon=":material/add:", type="primary", shortcut="n", width="stretch"
    ):
        pages.go("new")
    view = _controls()
    _chips(view.wanted)
    _list(view)


def _controls() -> View:
    with reading() as session:
        spaces = jobs.distinct_values(session, "space")
        methods = jobs.distinct_values(session, "strategy")
    text, state, space, method, sort, size = st.columns((3, 3, 1.6, 1.6, 1.4, 1))
    wanted = JobFilter(
        text=text.text_input(
            "Name or number",
            key="q",
            type="search",
            bind="query-params",
            icon=":material/search:",
            live="300ms",
            placeholder="part of a name, or a number",
        ),
        states=tuple(
            JobState(name)
            for name in state.multiselect(
                "State",
                [str(name) for name in JobState],
                format_func=lambda name: states.JOB[JobState(name)].label,
                key="state",
                bind="query-params",
                placeholder="any",
            )
        ),
        space=_unless_any(
            space.selectbox("Space", [ANY, *spaces], key="space", bind="query-params")
        ),
        strategy=_unless_any(
            method.selectbox("Method", [ANY, *methods], key="method", bind="query-params")
        ),
        group=st.query_params.get("group"),
    )
    return View(
        wanted,
        sort=sort.selectbox("Order", list(SORTS), key="sort", bind="query-params"),
        per_page=size.selectbox("Rows", PER_PAGE, key="rows", bind="query-params"),
    )


def _unless_any(choice: str) -> str | None:
    return None if choice == ANY else choice


def _chips(wanted: JobFilter) -> None:
    """What narrows the list, and one way to drop all of it."""
    if wanted == JobFilter():
        return
    parts = [f"name has {wanted.text}" if wanted.text else ""]
    parts += [states.JOB[state].label.lower() for state in wanted.states]
    parts += [wanted.space or "", wanted.strategy or ""]
    parts += [f"group {wanted.group[:8]}" if wanted.group else ""]
    with st.container(horizontal=True, vertical_alignment="center"):
        for part in filter(None, parts):
            st.badge(wording.plain(part), icon=":material/filter_alt:", color="gray")
        st.button("Clear all", icon=":material/close:", type="tertiary", on_click=_clear)


def _clear() -> None:
    for key, value in {"q": "", "state": [], "space": ANY, "method": ANY}.items():
        st.session_state[key] = value
    st.query_params.pop("group", None)


@st.fragment(run_every=REFRESH_S)
def _list(view: View) -> None:
    sort, descending = SORTS[view.sort]
    number = st.session_state.get("page", 1)
    with reading() as session:
        found = jobs.jobs_page(
            session,
            view.wanted,
            sort=sort,
            descending=descending,
            page=number,
            per_page=view.per_page,
        )
    if not found.total:
        _nothing(view.wanted)
        return
    _bulk(found, view.wanted)
    job_rows.show(found.rows, cached.offered(), tick=_tick)
    num_pages = -(-found.total // view.per_page)
    if num_pages > 1:
        st.pagination(num_pages, key="page", bind="query-params")


def _tick(job: Job) -> None:
    st.checkbox(
        f"Choose {wording.plain(job.name)}", key=f"pick{job.id}", label_visibility="collapsed"
    )


def _bulk(found: Page[Job], wanted: JobFilter) -> None:
    """Actions on many searches at once; each says how many it is for."""
    ticked = [job for job in found.rows if st.session_state.get(f"pick{job.id}")]
    eligible = [job for job in ticked if job.state in CANCELLABLE]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{wording.counted(found.total, 'search')}"
            + (f", {len(ticked)} chosen" if ticked else "")
        )
        with st.popover(
            f"Cancel {len(eligible)} of {len(ticked)}" if ticked else "Cancel chosen",
            icon=":material/block:",
            disabled=not eligible,
            help="Choose searches that wait or run; those that have ended stay as they are.",
        ):
            if eligible:
                _confirm_cancel([job.id for job in eligible])
        grouped = {job.group_id for job in ticked if job.group_id}
        if len(grouped) == 1 and not wanted.group:
            pages.link(
                "searches", "Show its group", icon=":material/workspaces:", group=grouped.pop()
            )


def _confirm_cancel(ids: Sequence[int]) -> None:
    """Asks again, in place: a dialog would lose its button when the list is drawn anew."""
    they_have, them = ("it has", "it") if len(ids) == 1 else ("they have", "them")
    st.markdown(
        f"{wording.counted(len(ids), 'search')} will end: "
        f"{', '.join(f'#{number}' for number in ids[:20])}. What {they_have} found is kept."
    )
    st.button(
        f"Cancel {them}",
        type="primary",
        width="stretch",
        key="cancel_chosen",
        on_click=_cancel,
        args=(ids,),
    )


def _cancel(ids: Sequence[int]) -> None:
    for job_id in ids:
        st.session_state[f"pick{job_id}"] = False
        try:
            queue.cancel(job_id)
        except WrongState as error:
            st.toast(wording.plain(str(error)), icon=":material/info:")


def _nothing(wanted: JobFilter) -> None:
    with st.container(border=True):
        if wanted == JobFilter():
            st.markdown(
                "Here you will see every search of your team. None has been submitted yet."
            )
            pages.link("new", "Describe the first search", icon=":material/add:")
        else:
            st.markdown("No search matches these filters.")
            st.button("Clear all filters", icon=":material/close:", on_click=_clear)
