"""What picks are worth beside random search, told alike wherever it is told."""

from collections.abc import Sequence

import streamlit as st

from app import wording
from app.markdown_table import table
from app.surpassing import Pick


def show(picks: Sequence[tuple[str, Pick | None]], truth: str) -> None:
    """A line for every pick; whoever shows it gives it its name, :data:`app.surpassing.NAME`.

    Args:
        picks: what picked, in words, and where its pick stands; None where nobody knows.
        truth: the name of what they are ranked by.
    """
    rows = [(wording.plain(what), *_told(pick, truth)) for what, pick in picks]
    heads = ("the pick", "probability", "how that is reckoned")
    st.markdown(table(heads, rows, num_left=3))


def _told(pick: Pick | None, truth: str) -> tuple[str, str]:
    if pick is None:
        return "-", f":gray[{wording.plain(f'unknown: it has no {truth}')}]"
    return (
        f"**{wording.share(pick.surpasses)}**",
        f":gray[{wording.plain(f'by {truth} {pick.words}')}]",
    )
