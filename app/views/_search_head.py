"""The head of a search: its state, how far it is, and what can be done with it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import streamlit as st

from app import cached, job_rows, pages, states, wording
from app.inheriting import trains_supernet
from db import jobs
from db.errors import WrongState
from db.jobs import Slice
from db.models import Job, JobState
from db.session import reading
from db.tallies import tallies, told
from workers import queue

HEIGHT = 42
S = JobState


def show(job_id: int, drawn: JobState, interval: int | None, *, was_training: bool) -> None:
    """The head; it asks for the job's state again and again while that can change.

    Args:
        job_id: of the search.
        drawn: the state that the page was drawn for.
        interval: seconds between two looks at the record; None for none.
        was_training: the page was drawn for a search that is still training its supernet.
    """
    st.fragment(_head, run_every=interval)(job_id, drawn, was_training)


def _head(job_id: int, drawn: JobState, was_training: bool) -> None:
    with reading() as session:
        job = jobs.job(session, job_id)
        position = jobs.queue_position(session, job_id)
        slices = jobs.slices_of(session, [job_id])
    has_moved = (job.state in states.IN_MOTION) != (drawn in states.IN_MOTION)
    if has_moved or is_training(job) != was_training:
        st.rerun()  # it came to rest or began to move: the whole page looks different
    name, actions = st.columns((5, 4.2), vertical_alignment="center")
    with name, st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(job_rows.named(job, 60), anchor=False, width="content")
        job_rows.badge(job.state)
    with actions:
        _actions(job)
    _line(job, position, _sliced(slices) if job.state not in jobs.ENDED else "")
    for line in told(tallies(job)):
        st.caption(wording.plain(line))
    if job.state is S.FAILED:
        st.error(wording.plain(job.reason), icon=":material/error:", title="This search failed")


def _actions(job: Job) -> None:
    with st.container(horizontal=True, horizontal_alignment="right", gap="xsmall"):
        if job.state in (S.QUEUED, S.RUNNING):
            _button("Pause", ":material/pause:", queue.pause, job)
        if job.state is S.PAUSED:
            _button("Resume", ":material/play_arrow:", queue.resume, job)
        if job.state in (S.FAILED, S.CANCELLED):
            _button("Retry", ":material/refresh:", queue.retry, job)
        can_cancel = job.state in (S.DRAFT, S.QUEUED, S.RUNNING, S.PAUSING, S.PAUSED)
        if can_cancel:
            _cancel(job)
        if st.button("Board", icon=":material/leaderboard:", key="board"):
            pages.go("board", **{"from": _sources(job)})
        if st.button("Clone", icon=":material/content_copy:", key="clone"):
            pages.go("new", clone=job.id)
        with st.popover("Share", icon=":material/share:"):
            st.caption("Whoever opens this address sees what you see, selection included.")
            st.code(_address(), language=None, wrap_lines=True)
            st.caption("All trials:")
            st.markdown(
                f"[CSV](/api/jobs/{job.id}/trials.csv), [JSON](/api/jobs/{job.id}/trials.json)"
            )


def _sources(job: Job) -> list[str]:
    """What its board is about: with it the search whose architectures it trained or counted."""
    found = [f"search:{job.id}"]
    if job.cloned_from is None:
        return found
    with reading() as session:
        origin = jobs.job(session, job.cloned_from)
    metrics = ({str(part["metric"]) for part in one.spec["objectives"]} for one in (job, origin))
    if origin.space == job.space and not set.intersection(*metrics):
        found.append(f"search:{origin.id}")
    return found


def _button(label: str, icon: str, ask: Callable[[int], JobState], job: Job) -> None:
    st.button(label, icon=icon, key=label.lower(), on_click=_asked, args=(ask, job.id))


def _asked(ask: Callable[[int], JobState], job_id: int) -> None:
    try:
        state = ask(job_id)
    except WrongState as error:
        st.toast(wording.plain(str(error)), icon=":material/info:")
    else:
        st.toast(states.JOB[state].meaning, icon=states.JOB[state].icon)


def _cancel(job: Job) -> None:
    """Asks again, in place: a dialog would lose its button when the head is drawn anew."""
    with st.popover("Cancel", icon=":material/block:"):
        st.markdown(f"{wording.plain(job.name)} will end. What it has found is kept.")
        st.button(
            "Cancel it",
            type="primary",
            width="stretch",
            key="cancel",
            on_click=_asked,
            args=(queue.cancel, job.id),
        )


def _line(job: Job, position: int | None, sliced: str) -> None:
    """How far it is, in a bar and in words; the place is kept when there is nothing to tell."""
    share, words = job_rows.progress(job)
    if job.state in (S.RUNNING, S.PAUSING, S.CANCELLING, S.PAUSED):
        told = wording.plain(job.progress_text) if is_training(job) else ""
        parts = (words, told, sliced, _facts(job))
        st.progress(share, text="  |  ".join(part for part in parts if part))
        return
    if job.state in (S.QUEUED, S.LOST):
        st.progress(share, text=_waiting(job, position))
        return
    st.caption(f"{_facts(job)}  |  {_times(job)}", unsafe_allow_html=True)


def is_training(job: Job) -> bool:
    """It is at work on its supernet: its trials come after."""
    return job.state in states.IN_MOTION and trains_supernet(job.spec) and not job.num_trials


def _facts(job: Job) -> str:
    facts = [job_rows.trials_of(job)]
    if job.num_scores:
        num_recalled = job.num_from_memory - sum(tally.shared for tally in tallies(job))
        facts.append(
            f"{wording.count(num_recalled)} of {wording.count(job.num_scores)} scores "
            f"({wording.share(num_recalled / job.num_scores)}) came from memory"
        )
    facts.append(wording.plain(f"{job.space}, {job.strategy}, seed {job.seed}"))
    facts.append(f"by {wording.plain(job.owner)}")
    return "  |  ".join(facts)


def _sliced(slices: Sequence[Slice]) -> str:
    """How many slices are done, and who runs others."""
    if not slices:
        return ""
    num_done = sum(found.state is S.SUCCEEDED for found in slices)
    workers = {found.worker_id for found in slices if found.state in jobs.LEASED}
    text = f"slices: {num_done} of {len(slices)} done"
    running = sum(found.state in jobs.LEASED for found in slices)
    on = f", {running} running on {wording.counted(len(workers), 'worker')}"
    return text + (on if running else "")


def _times(job: Job) -> str:
    now = datetime.now(UTC)
    ended = wording.hoverable(job.finished_at, now)
    if job.finished_at is None:
        return f"submitted {wording.ago(job.created_at, now)}"
    if job.started_at is None:
        return f"ended {ended}"
    took = wording.duration((job.finished_at - job.started_at).total_seconds())
    return f"took {took}, ended {ended}"


def _waiting(job: Job, position: int | None) -> str:
    if not cached.offered().plugins:
        return "No worker is running. Start one: `archfront worker`"
    if position is None and job.control_of is not None:
        return f"Waits until search {job.control_of} has trained the supernet of both"
    place = "next" if position == 1 else f"number {position}"
    return f"Waits for a free {job.queue} worker: {place} in the queue"


def _address() -> str:
    site = (st.context.url or "").split("?")[0]
    root = "/".join(site.split("/")[:3])
    return root + pages.address("search", **st.query_params.to_dict())
