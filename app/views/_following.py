"""Parts of a search's page that follow the search while it goes on."""

from collections.abc import Callable

import streamlit as st

from app import states
from db import jobs
from db.models import Job
from db.session import reading

LEAST_S = 5  # what stands below the front may lag behind it, and every rerun costs


def follow(job: Job, interval: int | None, draw: Callable[[Job], None]) -> None:
    """Draw a part from the record, and anew as long as the search is in motion.

    At its end the head draws the whole page, and so this part, for the last time.

    Args:
        job: the search.
        interval: seconds between two looks at the record; None for none.
        draw: draws the part for the job as it is then.
    """
    st.fragment(_draw, run_every=every(job, interval))(job.id, draw)


def every(job: Job, interval: int | None, least_s: int = LEAST_S) -> int | None:
    """Seconds after which a part is drawn anew; None for never."""
    is_live = job.state in states.IN_MOTION and interval is not None
    return max(interval or 0, least_s) if is_live else None


def _draw(job_id: int, draw: Callable[[Job], None]) -> None:
    with reading() as session:
        job = jobs.job(session, job_id)
    draw(job)
