"""A word beside a truth that was measured on other data than searches looked at."""

from collections.abc import Iterable

import streamlit as st

from app import other_data, wording


def warn(truth: str, dataset: str, searches: Iterable[str], who: str = "this search") -> None:
    """Say it where it is so.

    Args:
        truth: the name of the column.
        dataset: that it is of; empty where that is not recorded.
        searches: the data that they looked at.
        who: looked at it.
    """
    said = other_data.warning(truth, dataset, tuple(searches), who)
    if said:
        st.warning(wording.plain(said), icon=":material/database:")
