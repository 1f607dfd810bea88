"""The offer to get the baselines that nothing recorded, under the table of a board."""

import streamlit as st

from app import cached, pages, wording
from app.board import baselines
from app.board.baselines import Remedy
from app.board.figures import Question
from app.board.values import Joined
from app.checking import numbers_text
from db.session import reading


def show(question: Question, archs: Joined) -> None:
    """One line; nothing when the baselines are there, or cannot be had."""
    with reading() as session:
        found = baselines.remedy(session, question, archs, cached.offered())
    if found is None:
        return
    names = " and ".join(found.metrics)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        is_one = len(found.metrics) == 1
        st.caption(
            f"{names} {'is' if is_one else 'are'} not recorded here: a proxy should beat "
            f"{'it' if is_one else 'them'}.",
            width="content",
        )
        where = {"count": found.table} if found.table else {"check": found.job_id}
        pages.link(
            "new",
            f"Count {'it' if is_one else 'them'} {_for_which(found)}",
            icon=":material/calculate:",
            trials=numbers_text(found.numbers) or None,
            measure=",".join(found.metrics),
            **where,
        )


def _for_which(found: Remedy) -> str:
    if found.table:
        return f"for the architectures of {wording.plain(found.table)}"
    whole = wording.counted(found.num_archs, "architecture")
    if found.num_reached == found.num_archs:
        return f"for all {whole}" if found.num_archs > 1 else "for it"
    return f"for {wording.count(found.num_reached)} of {whole}"
