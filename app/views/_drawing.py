"""An architecture drawn on a page, so that its labels can be read."""

import streamlit as st

from app import drawings, wording
from search.spaces import Drawing

DARK_INK, LIGHT_INK = "#B4BFCA", "#4A5560"


def ink() -> str:
    """What lines and words of a drawing are drawn with."""
    return DARK_INK if st.context.theme.type == "dark" else LIGHT_INK


def small(drawing: Drawing) -> None:
    """A drawing of few nodes where there is little room: upright and in its own size."""
    with st.container(horizontal_alignment="center", border=False):
        upright = drawings.dot(drawing, ink(), is_upright=True)
        st.graphviz_chart(upright, width="content", alt=drawings.alt(drawing))


def in_words(drawing: Drawing) -> None:
    """What has too many parts to be drawn where there is little room.

    A chain as its layers in reading order, anything else as what goes into each node.
    """
    if " " in drawing.caption:  # words; a text form tells what the layers tell
        st.caption(wording.plain(drawing.caption))
    if not drawings.is_chain(drawing):
        for node, reads in drawings.inputs(drawing):
            st.markdown(f"**{wording.plain(node)}**: {wording.plain(reads)}")
        return
    words = [
        f":blue-badge[{wording.plain(label if num == 1 else f'{num} times {label}')}]"
        for label, num in drawings.layers(drawing)
    ]
    st.markdown(" ".join(words))


def show(drawing: Drawing, height: int) -> None:
    """The drawing, *height* pixels high.

    A chain of layers stands upright, in its own size, twice as high, and scrolls: fitted in, its
    labels would be too small to read.
    """
    if drawings.is_chain(drawing):
        with st.container(height=2 * height, border=False, horizontal_alignment="center"):
            st.graphviz_chart(
                drawings.dot(drawing, ink(), is_upright=True),
                width="content",
                alt=drawings.alt(drawing),
            )
        return
    st.graphviz_chart(
        drawings.dot(drawing, ink()), width="stretch", height=height, alt=drawings.alt(drawing)
    )
