"""The place of a warm start in the form: whether, ranked by what, and how large the pool is."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.forms import Form, Values
from search.catalogue import Catalogue

POOL = 1000
ABOUT = (
    "Scores a pool of random architectures for one objective first, and begins with the best of "
    "them. Choose a cheap objective that ranks well, such as a proxy; the pool does not count "
    "for the budget of trials."
)


def show(
    form: Form, draft: Mapping[str, Any], strategy: str, names: Sequence[str], catalogue: Catalogue
) -> Values:
    """Draw the warm start of *draft*; returned is what the fields say of it, if anything.

    Args:
        form: where it is drawn.
        draft: of the whole spec.
        strategy: the one chosen; for one that takes no warm start nothing is drawn, unless the
            draft has one, so that its error is seen.
        names: of the objectives, in their order.
        catalogue: says which strategies take a warm start.
    """
    given = draft.get("warm_start")
    held = dict(given) if isinstance(given, Mapping) else {}
    plugin = catalogue.plugin("strategy", strategy)
    takes_one = plugin is not None and plugin.traits.get("takes_warm_start")
    if not takes_one and not held:
        return {}
    is_wanted = st.toggle(
        "Begin with the best of a pool",
        value=bool(held),
        key=form.key("warm_start"),
        help=ABOUT,
    )
    form.place("warm_start")
    if not is_wanted:
        return {}
    return {"warm_start": _fields(form, held, names)}


def _fields(form: Form, held: Values, names: Sequence[str]) -> Values:
    left, right = st.columns(2, gap="medium")
    place, pool = held.get("objective", len(names)), held.get("pool", POOL)
    known = sorted({*range(1, len(names) + 1), place if isinstance(place, int) else 1})
    with left:
        chosen = st.selectbox(
            "Ranked by",
            known,
            index=known.index(place) if place in known else 0,
            format_func=lambda one: _name(one, names),
            key=form.key("warm_start.objective"),
        )
        form.place("warm_start.objective")
    with right:
        size = st.number_input(
            "Architectures in the pool",
            value=pool if isinstance(pool, int) else POOL,
            step=1,
            key=form.key("warm_start.pool"),
        )
        form.place("warm_start.pool")
    return {"objective": chosen, "pool": size}


def _name(place: int, names: Sequence[str]) -> str:
    return names[place - 1] if 1 <= place <= len(names) else f"objective {place}"
