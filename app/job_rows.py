"""Searches as rows: the same on every page that lists them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from app import pages, states, wording
from app.measures import Measure, measures_of
from db.models import Job, JobState
from search.catalogue import Catalogue

WIDTHS = (0.3, 1.25, 3.0, 1.2, 1.9, 0.95, 3.4, 0.8, 1.2)
HEADS = ("", "State", "Name", "Space", "Method", "Trials", "Best of each", "By", "Submitted")


def show(
    jobs: Sequence[Job],
    catalogue: Catalogue,
    *,
    tick: Callable[[Job], None] | None = None,
    volumes: Mapping[int, float] | None = None,
) -> None:
    """Show rows under their headings.

    Args:
        jobs: one a row.
        catalogue: knows the units.
        tick: puts a checkbox in front of each.
        volumes: hypervolume by job, from a reference point that comparable searches share.
    """
    widths = WIDTHS if tick else WIDTHS[1:]
    heads = HEADS if tick else HEADS[1:]
    with st.container(key="job_rows", gap="xxsmall"):
        for column, head in zip(st.columns(widths), heads, strict=True):
            is_number = head == "Trials"
            words = f"**{head}**" if head else " "
            column.caption(words, text_alignment="right" if is_number else "left")
        now = datetime.now(UTC)
        for job in jobs:
            cells = st.columns(widths, vertical_alignment="center")
            if tick:
                with cells[0]:
                    tick(job)
            _fill(cells[-8:], job, catalogue, now, (volumes or {}).get(job.id))


def best_of(job: Job, catalogue: Catalogue, volume: float | None = None) -> str:
    """The best values that were found, and the hypervolume, in words; Markdown."""
    best = job.best or {}
    parts = [
        f"{wording.plain(measure.name)} {_value(best[measure.name], measure)}"
        for measure in measures_of(job.spec, catalogue)
        if measure.name in best
    ]
    if volume is not None:
        parts[2:] = [f"hypervolume {wording.plain(wording.number(volume))}"]
    return ", ".join(parts[:3]) or "\\-"


def named(job: Job, length: int) -> str:
    """Its number, by which other pages and commands call it, and its name; Markdown."""
    return f":gray[\\#{job.id}] {wording.plain(wording.shortened(job.name, length))}"


def num_full(job: Job) -> int:
    """Trials that were looked at in full: what a budget counts."""
    return job.num_trials - job.num_screened


def trials_of(job: Job) -> str:
    """``200 trials, 3,000 screened``."""
    words = wording.counted(num_full(job), "trial")
    return f"{words}, {wording.count(job.num_screened)} screened" if job.num_screened else words


def progress(job: Job) -> tuple[float, str]:
    """Share and words for a progress bar."""
    share = min(max(job.progress, 0.0), 1.0)
    words = [wording.share(share)]
    if job.state is JobState.RUNNING:
        words.append(f"{wording.duration(job.eta_s)} left" if job.eta_s is not None else "")
    return share, "  |  ".join(word for word in words if word)


def badge(state: JobState) -> None:
    """The state with icon, word and colour."""
    look = states.JOB[state]
    st.badge(look.label, icon=look.icon, color=look.colour)


def moment(at: datetime | None, now: datetime) -> None:
    """A relative time; the exact one on hover."""
    st.caption(wording.hoverable(at, now), unsafe_allow_html=True)


def _fill(
    cells: Sequence[Any], job: Job, catalogue: Catalogue, now: datetime, volume: float | None
) -> None:
    state, name, space, method, trials, best, owner, when = cells
    with state:
        badge(job.state)
    with name:
        pages.link("search", named(job, 34), id=job.id)
    space.caption(wording.plain(job.space))
    method.caption(wording.plain(f"{job.strategy}, seed {job.seed}"))
    extra = f"  \n{wording.count(job.num_screened)} screened" if job.num_screened else ""
    trials.caption(f"{wording.count(num_full(job))}{extra}", text_alignment="right")
    best.caption(best_of(job, catalogue, volume))
    owner.caption(wording.plain(job.owner))
    with when:
        moment(job.created_at, now)


def _value(value: float, measure: Measure) -> str:
    text = wording.plain(wording.number(value))
    is_short = len(measure.unit) <= 4
    return f"{text} {wording.plain(measure.unit)}" if measure.unit and is_short else text
