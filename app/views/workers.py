"""Workers: who lives, what they run and offer; and the queue in its order."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import streamlit as st

from app import job_rows, pages, states, wording
from app.markdown_table import table
from app.views.home import START_A_WORKER, no_worker
from db import jobs, workers
from db.jobs import JobFilter, Slice
from db.models import Job, JobState, Worker
from db.session import reading
from search.catalogue import Catalogue, Plugin

REFRESH_S = 5
MAX_QUEUE = 50
HELD = (JobState.RUNNING, JobState.PAUSING, JobState.CANCELLING)
NOUNS = {
    "space": "Spaces",
    "proxy": "Proxies",
    "cost": "Costs",
    "training": "Trainings",
    "strategy": "Methods",
    "dataset": "Data sets",
    "network": "Networks",
}


def show() -> None:
    """The page."""
    st.title("Workers", anchor=False)
    _living()


@st.fragment(run_every=REFRESH_S)
def _living() -> None:
    with reading() as session:
        living = workers.living(session)
        gone = [w for w in workers.known(session, limit=20) if w.id not in {x.id for x in living}]
        running = jobs.jobs_page(session, JobFilter(states=HELD), per_page=200).rows
        slices = jobs.slices_of(session, [job.id for job in running], HELD)
        waiting = jobs.jobs_page(
            session,
            JobFilter(states=(JobState.QUEUED,)),
            sort="created_at",
            descending=False,
            per_page=MAX_QUEUE,
        )
        places = {job.id: jobs.queue_position(session, job.id) for job in waiting.rows}
    now = datetime.now(UTC)
    if not living:
        no_worker()
    for worker in living:
        mine = {found.job_id: found for found in slices if found.worker_id == worker.id}
        held = [job for job in running if job.worker_id == worker.id or job.id in mine]
        _worker(worker, held, mine, now)
    in_line = sorted(waiting.rows, key=lambda job: (job.queue, places[job.id] or float("inf")))
    _queue(in_line, places, waiting.total)
    if gone:
        with st.expander(f"{wording.counted(len(gone), 'worker')} not heard of any more"):
            rows = [
                (wording.plain(w.host), str(w.pid), wording.hoverable(w.heard_at, now), _ended(w))
                for w in gone
            ]
            st.markdown(
                table(("host", "process", "heard of", "how"), rows, num_left=4),
                unsafe_allow_html=True,
            )
    if living:
        st.markdown(
            "Another worker, on any machine that sees the database and the broker: "
            f"`{START_A_WORKER}`"
        )


def _worker(
    worker: Worker, running: Sequence[Job], slices: Mapping[int, Slice], now: datetime
) -> None:
    offer = Catalogue.model_validate(worker.catalogue)
    with st.container(border=True):
        head, right = st.columns((3, 2), vertical_alignment="center")
        with head, st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.subheader(wording.plain(worker.host), anchor=False, width="content")
            late = (now - worker.heard_at).total_seconds() > 30
            st.badge(
                "late" if late else "alive",
                icon=":material/warning:" if late else ":material/favorite:",
                color="orange" if late else "green",
            )
            st.caption(
                f"process {worker.pid}, queue {wording.plain(', '.join(map(str, worker.queues)))}",
                width="content",
            )
        right.caption(
            f"heard of {wording.hoverable(worker.heard_at, now)}, up for "
            f"{wording.duration((now - worker.started_at).total_seconds())}",
            unsafe_allow_html=True,
            text_alignment="right",
        )
        _devices(offer)
        if not running:
            st.markdown(":gray[Idle]")
        for job in running:
            _running(job, slices.get(job.id))
        with st.expander("What it offers"):
            _offer(offer)


def _devices(offer: Catalogue) -> None:
    parts = []
    for device in offer.devices:
        size = f", {device.memory_mb / 1024:.0f} GB" if device.memory_mb else ""
        threads = f", {wording.counted(device.threads, 'thread')}" if device.threads else ""
        parts.append(f"**{device.type}** {wording.plain(device.name)}{size}{threads}")
    st.markdown("; ".join(parts) or "no device reported")


def _running(job: Job, part: Slice | None) -> None:
    name, bar = st.columns((1, 2), vertical_alignment="center")
    with name:
        pages.link("search", job_rows.named(job, 40), id=job.id)
    share, words = job_rows.progress(job)
    if part is not None:
        share, words = part.progress, f"{part.name}, {wording.share(part.progress)}"
    bar.progress(share, text=f"{words}  |  {states.JOB[job.state].label}")


def _offer(offer: Catalogue) -> None:
    for kind, noun in NOUNS.items():
        found = [plugin for plugin in offer.plugins if plugin.kind == kind]
        if not found or kind == "network":
            continue
        rows = [
            (
                f"**{wording.plain(plugin.name)}**",
                wording.plain(plugin.summary) + _lack(plugin),
            )
            for plugin in found
        ]
        st.markdown(table((noun, "what it is"), rows, num_left=2))


def _lack(plugin: Plugin) -> str:
    if plugin.traits.get("available", True):
        return ""
    return f" :orange[not available: {wording.plain(str(plugin.traits.get('reason')))}]"


def _queue(waiting: Sequence[Job], places: dict[int, int | None], total: int) -> None:
    st.subheader(f"Queue ({total})", anchor=False)
    if not waiting:
        st.markdown("Nothing waits.")
        return
    now = datetime.now(UTC)
    with st.container(key="job_rows", gap="xxsmall"):
        widths = (0.6, 0.8, 4, 1.6, 1, 1.5)
        for cell, head in zip(
            st.columns(widths),
            ("Place", "Queue", "Name", "Method", "By", "Waits since"),
            strict=True,
        ):
            cell.caption(f"**{head}**")
        for job in waiting:
            cells = st.columns(widths, vertical_alignment="center")
            place = places[job.id]
            cells[0].caption(str(place) if place else f"after search {job.control_of}")
            cells[1].caption(wording.plain(job.queue))
            with cells[2]:
                pages.link("search", job_rows.named(job, 56), id=job.id)
            cells[3].caption(wording.plain(job.strategy))
            cells[4].caption(wording.plain(job.owner))
            with cells[5]:
                job_rows.moment(job.queued_at, now)
    if total > len(waiting):
        pages.link("searches", f"All {total} that wait", state=states.JOB[JobState.QUEUED].label)


def _ended(worker: Worker) -> str:
    return "stopped in good order" if worker.stopped_at else "vanished"
