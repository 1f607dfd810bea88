"""Train to check: from a search to the search that trains some of its architectures."""

from collections.abc import Sequence

import streamlit as st

from app import checking, pages, wording
from app.checking import MAX_CHECKED, SAMPLE
from app.measures import Measure
from db.trials import Columns


def show(
    job_id: int, columns: Columns, measure: Measure, front: Sequence[int], selected: Sequence[int]
) -> None:
    """Offer what is worth training; each choice leads to New search, filled in.

    Args:
        job_id: the search.
        columns: its trials.
        measure: over whose ranks a sample is spread.
        front: numbers of the trials of the front.
        selected: numbers of the selected trials.
    """
    if not len(columns):
        return
    num = min(SAMPLE, len(columns))
    name = wording.plain(measure.name)
    with st.popover("Train to check", icon=":material/fitness_center:", type="tertiary"):
        st.caption(
            "Trains architectures alone, on the network and data of this search. "
            "What was trained tells how far the proxies can be believed."
        )
        if selected:
            _link("what is selected", job_id, selected)
        if front:
            _link("the front", job_id, front)
        _link(
            f"a sample over the ranks of {name}",
            job_id,
            checking.spread(columns, measure, num, seed=job_id),
        )
        _link("a random sample", job_id, checking.at_random(columns, num, seed=job_id))


def _link(label: str, job_id: int, numbers: Sequence[int]) -> None:
    if not numbers:
        return
    kept = min(len(numbers), MAX_CHECKED)
    pages.link(
        "new",
        f"{wording.count(kept)}: {label}",
        icon=":material/arrow_forward:",
        check=job_id,
        trials=checking.numbers_text(numbers),
    )
