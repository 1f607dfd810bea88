"""Home: what is going on, and what was found."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from app import cached, charts, job_rows, pages, states, team, volumes, wording
from db import jobs
from db.jobs import JobFilter
from db.models import Job, JobState
from db.session import reading
from search.catalogue import Catalogue

NUM_RECENT = 8
NUM_ACTIVE = 5
PANEL = charts.TEAM_HEIGHT + 110
REFRESH_S = 5
RUNNING = (JobState.RUNNING, JobState.PAUSING, JobState.CANCELLING)
WAITING = (JobState.QUEUED, JobState.LOST, JobState.PAUSED)
START_A_WORKER = "archfront worker"


def show() -> None:
    """The page."""
    if arch_id := st.session_state.pop("open_arch", None):
        pages.go("arch", id=arch_id)
    catalogue = cached.offered()
    title, button = st.columns((5, 1), vertical_alignment="center", wrap=False)
    title.title("What is going on", anchor=False)
    if button.button(
        "New search", icon=":material/add:", type="primary", shortcut="n", width="stretch"
    ):
        pages.go("new")
    with reading() as session:
        recent = jobs.jobs_page(session, per_page=team.NUM_JOBS)
    if not catalogue.plugins:
        no_worker()
    if not recent.total:
        _nothing_yet(has_worker=bool(catalogue.plugins))
        return
    left, right = st.columns((4, 5), gap="medium")
    with left:
        _active()
    with right:
        _team_front(recent.rows, catalogue)
    _recent()


def no_worker() -> None:
    """Say that nobody would run a search now, and how to change that."""
    st.warning(
        "No worker is running, so nothing can be searched right now. "
        f"Start one on any machine that sees the database: `{START_A_WORKER}`",
        icon=":material/power_off:",
    )


def _nothing_yet(*, has_worker: bool) -> None:
    with st.container(border=True):
        st.subheader("Nothing has been searched yet", anchor=False)
        st.markdown(
            "Here you will see the searches that run, with their progress, and the best "
            "architectures that your team has found, as a front of two measures."
        )
        if has_worker:
            pages.link("new", "Describe the first search", icon=":material/add:")
        else:
            st.markdown(f"First start a worker: `{START_A_WORKER}`")


@st.fragment(run_every=REFRESH_S)
def _active() -> None:
    with reading() as session:
        pages_of = [
            jobs.jobs_page(session, JobFilter(states=of), per_page=NUM_ACTIVE, descending=False)
            for of in (RUNNING, WAITING)  # what runs comes first; of what waits, what is next
        ]
    active = [job for page in pages_of for job in page.rows][:NUM_ACTIVE]
    hidden = sum(page.total for page in pages_of) - len(active)
    with st.container(border=True, height=PANEL):
        st.subheader(f"Running ({pages_of[0].total})", anchor=False)
        with st.container(gap="xsmall"):
            for job in active:
                _active_row(job)
        if not active:
            st.markdown("Nothing runs and nothing waits.")
            pages.link("new", "Describe a search", icon=":material/add:")
        if hidden:
            pages.link("searches", f"{wording.count(hidden)} more", icon=":material/more_horiz:")


def _active_row(job: Job) -> None:
    name, state = st.columns((3, 1.35), vertical_alignment="center", wrap=False)
    with name:
        pages.link("search", job_rows.named(job, 36), id=job.id)
    with state:
        job_rows.badge(job.state)
    if job.state in (JobState.QUEUED, JobState.LOST) and not job.num_trials:
        return
    share, words = job_rows.progress(job)
    st.progress(share, text=words)


def _team_front(recent: Sequence[Job], catalogue: Catalogue) -> None:
    groups = team.comparables(recent, catalogue)
    with st.container(border=True, height=PANEL):
        st.subheader("Team front", anchor=False)
        if not groups:
            st.markdown(
                "As soon as a search has scores for two measures, the best of all searches "
                "together appears here."
            )
            return
        titles = {_key(group): group for group in groups}
        chosen = st.selectbox(
            "Measures",
            list(titles),
            format_func=lambda key: _title(titles[key]),
            key="front",
            bind="query-params",
            label_visibility="collapsed",
        )
        group = titles[chosen]
        parts = team.contributions(group)
        st.plotly_chart(
            charts.team_chart(parts, group.x, group.y),
            key="team",
            on_select=_open_arch,
            selection_mode="points",
            config=charts.STILL,
            alt=f"{_title(group)}: {sum(len(p.arch_ids) for p in parts)} architectures on the "
            f"front, contributed by {wording.counted(len(parts), 'search')}.",
        )


def _open_arch() -> None:
    points = st.session_state["team"].selection.points
    if points and points[0].get("customdata"):
        found = points[0]["customdata"]
        st.session_state["open_arch"] = found if isinstance(found, str) else found[0]


def _key(group: team.Comparable) -> str:
    return f"{group.y.name}~{group.x.name}~{group.jobs[-1].id}"


def _title(group: team.Comparable) -> str:
    return f"{group.title} ({wording.counted(len(group.jobs), 'search')})"


@st.fragment(run_every=REFRESH_S)
def _recent() -> None:
    with reading() as session:
        recent = jobs.jobs_page(session, per_page=NUM_RECENT)
        finished = jobs.jobs_page(session, sort="finished_at", per_page=100).rows
    head, more = st.columns((5, 1), vertical_alignment="center", wrap=False)
    head.subheader("Recent searches", anchor=False)
    with more, st.container(horizontal=True, horizontal_alignment="right"):
        pages.link("searches", f"All {wording.count(recent.total)}", icon=":material/list:")
    news = _news(finished)
    if news:
        st.caption(news)
    catalogue = cached.offered()
    job_rows.show(recent.rows, catalogue, volumes=volumes.hypervolumes(recent.rows, catalogue))


def _news(finished: Sequence[Job]) -> str:
    """What ended since yesterday, in words."""
    since = datetime.now(UTC) - timedelta(days=1)
    ended = [job.state for job in finished if job.finished_at and job.finished_at > since]
    counts = [
        f"{ended.count(state)} {states.JOB[state].label.lower()}"
        for state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
        if state in ended
    ]
    return f"In the last 24 hours: {', '.join(counts)}." if counts else ""
