"""Inherit, fine-tune, train alone, export: from picked architectures to New search, filled in."""

from collections.abc import Sequence

import streamlit as st

from app import cached, checking, pages, supernet_record
from app.inheriting import ACTIONS, offered, uses_supernet
from db import jobs
from db.session import reading


def show(job_id: int, numbers: Sequence[int], key: str) -> None:
    """Offer what can be done with trials of a search; nothing when it has no weights for them.

    Args:
        job_id: the search.
        numbers: of the trials.
        key: of the place; there is one for each search on a page.
    """
    with reading() as session:
        job = jobs.job(session, job_id)
        digest = supernet_record.digest_of(session, job) if uses_supernet(job.spec) else None
    ways = offered(cached.offered(), job.spec, digest)
    if not ways:
        return
    with st.popover("Take further", icon=":material/arrow_forward:", type="tertiary", key=key):
        num = len(numbers)
        st.caption(f"Trial {numbers[0]}:" if num == 1 else f"{num} selected trials:")
        if digest is None and uses_supernet(job.spec):
            st.caption("Its supernet is not trained yet: only training alone needs none.")
        for way in ways:
            action = ACTIONS[way]
            pages.link(
                "new",
                f"**{action.label}**",
                icon=action.icon,
                inherit=job_id,
                trials=checking.numbers_text(numbers),
                way=way,
            )
            st.caption(action.about)
        st.caption("Each opens New search, filled in: nothing is queued before you submit.")
