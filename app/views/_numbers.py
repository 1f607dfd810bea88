"""The numbers of charts as a table, for who cannot or does not want to read them off a picture."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import streamlit as st

MAX_HEIGHT = 420

Columns = Mapping[str, Sequence[object]]


def show(title: str, make: Callable[[], Columns], key: str) -> None:
    """A table that is made, and sent, only when it is opened.

    Args:
        title: what is in it.
        make: its columns, all of one length.
        key: of its own.
    """
    box = st.expander(title, icon=":material/table:", key=key, on_change="rerun")
    if not box.open:
        return
    frame = pd.DataFrame(dict(make()))
    with box:
        st.dataframe(
            frame,
            key=f"{key}_table",
            hide_index=True,
            height=min(38 + 35 * len(frame), MAX_HEIGHT),
            alt=f"{title}: {len(frame)} rows.",
        )
