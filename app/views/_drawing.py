"""An architecture drawn on a page, so that its labels can be read."""

import streamlit as st

from app import drawings
from search.spaces import Drawing

DARK_INK, LIGHT_INK = "#B4BFCA", "#4A5560"


def ink() -> str:
    """What lines and words of a drawing are drawn with."""
    return DARK_INK if st.context.theme.type == "dark" else LIGHT_INK


def show(drawing: Drawing, height: int) -> None:
    """The drawing, *height* pixels high.

    A chain of layers stands upright, in its own size, and scrolls: fitted in, its labels would be
    too small to read.
    """
    if drawings.is_chain(drawing):
        with st.container(height=height, border=False, horizontal_alignment="center"):
            st.graphviz_chart(
                drawings.dot(drawing, ink(), is_upright=True),
                width="content",
                alt=drawings.alt(drawing),
            )
        return
    st.graphviz_chart(
        drawings.dot(drawing, ink()), width="stretch", height=height, alt=drawings.alt(drawing)
    )
