"""What if: aggregates of this search's scores, and who would enter the front under weights."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app import cached, mixtures, pages, wording
from app.front import Front
from app.markdown_table import table
from app.measures import Measure, default_axes
from app.mixtures import WEIGHTED, Mixture
from app.views import _search_selected
from db.models import Job
from db.trials import Columns
from search.aggregates import aggregates, combination_of
from search.plugins import summary

MAX_WEIGHT = 5.0
MAX_LISTED = 12
LARGE = 300_000  # trials; beyond, ranks take seconds, so nothing is computed unasked


def show(job: Job, measures: Sequence[Measure]) -> None:
    """The tab."""
    names = mixtures.available(measures)
    if not names:
        st.markdown(
            "An aggregate combines the scores of several proxies, so it takes at least two "
            "among the objectives."
        )
        pages.link("new", "Clone with another proxy", icon=":material/content_copy:", clone=job.id)
        return
    left, right = st.columns((1, 1.5), gap="large")
    with left:
        _choose(names)
        weights = _weights(measures)
    with right:
        _newcomers(job, measures, weights)


def _choose(names: Sequence[str]) -> None:
    held = [name for name in st.query_params.get_all("mix") if name in names]
    st.session_state["mix_chosen"] = held
    st.multiselect(
        "Aggregates to show as columns and axes",
        list(names),
        key="mix_chosen",
        on_change=_keep_chosen,
        placeholder="none",
    )
    with st.popover("What they are", icon=":material/help:"):
        rows = [
            (
                f"**{wording.plain(name)}**",
                wording.plain(summary(aggregates[name])),
                wording.plain(combination_of(aggregates[name]).evidence),
            )
            for name in names
        ]
        st.markdown(table(("aggregate", "what it is", "evidence"), rows, num_left=3))


def _keep_chosen() -> None:
    chosen = st.session_state["mix_chosen"]
    if chosen:
        st.query_params["mix"] = chosen
    else:
        st.query_params.pop("mix", None)


def _weights(measures: Sequence[Measure]) -> dict[str, float]:
    """A slider for each proxy; the address has those that are not 1."""
    held = mixtures.read_weights(st.query_params.get("weights", ""))
    st.markdown("**What if proxies counted differently?**")
    found = {}
    for one in mixtures.proxies(measures):
        key = f"weight_{one.name}"
        st.session_state[key] = min(held.get(one.name, 1.0), MAX_WEIGHT)
        found[one.name] = st.slider(
            f"Weight of {wording.plain(one.name)}",
            min_value=0.0,
            max_value=MAX_WEIGHT,
            step=0.25,
            key=key,
            on_change=_keep_weight,
            args=(one.name,),
        )
    return found


def _keep_weight(name: str) -> None:
    held = mixtures.read_weights(st.query_params.get("weights", ""))
    text = mixtures.weights_text({**held, name: st.session_state[f"weight_{name}"]})
    if text:
        st.query_params["weights"] = text
    else:
        st.query_params.pop("weights", None)


def _newcomers(job: Job, measures: Sequence[Measure], weights: dict[str, float]) -> None:
    """Which architectures the weighted ranks would put on the front that is not theirs now."""
    across, upwards = default_axes(measures)
    if across.kind != "cost":
        st.markdown(
            "Who would enter the front is told when a cost is among the objectives: params, macs "
            "or a latency. Without one, aggregates still serve as columns and axes."
        )
        pages.link("new", "Clone with a cost", icon=":material/content_copy:", clone=job.id)
        return
    if not any(weights.values()):
        st.markdown(":red[:material/error: Give at least one proxy a weight above 0.]")
        return
    if job.num_trials > LARGE and "weights" not in st.query_params:
        st.markdown("This search is large: move a slider to see who would enter the front.")
        return
    (what_if,) = mixtures.mixtures(measures, [WEIGHTED], weights)
    mixed = (what_if,)
    columns = cached.columns(job.id, job.version, mixed)
    now = cached.front_of(job.id, job.version, across, upwards)
    then = cached.front_of(job.id, job.version, across, what_if, mixed)
    entering, leaving = _changes(columns, now, then)
    num_now = len(set(columns.arch_ids[now.rows_K]))
    st.markdown(
        f"With these weights, over {wording.plain(across.name)}, "
        f"**{wording.counted(len(entering), 'architecture')}** would enter the front and "
        f"**{len(leaving)}** of the {num_now} on it by {wording.plain(upwards.name)} "
        "would leave."
    )
    _listed(columns, entering, measures, what_if)


def _changes(columns: Columns, now: Front, then: Front) -> tuple[np.ndarray, np.ndarray]:
    """Rows that come and rows that go; an architecture that recurs counts once."""
    before, after = columns.arch_ids[now.rows_K], columns.arch_ids[then.rows_K]
    entering = then.rows_K[_firsts(after) & ~np.isin(after, before)]
    leaving = now.rows_K[_firsts(before) & ~np.isin(before, after)]
    return entering, leaving


def _firsts(arch_ids_K: np.ndarray) -> np.ndarray:
    is_first_K = np.zeros(len(arch_ids_K), np.bool_)
    is_first_K[np.unique(arch_ids_K, return_index=True)[1]] = True
    return is_first_K


def _listed(
    columns: Columns, rows: np.ndarray, measures: Sequence[Measure], what_if: Mixture
) -> None:
    if not len(rows):
        return
    shown = [*measures, what_if]
    lines = [
        (
            f"{columns.numbers[row]}",
            *(
                wording.plain(wording.number(float(columns.values[row, measure.place])))
                for measure in shown
            ),
        )
        for row in rows[:MAX_LISTED]
    ]
    heads = ("trial", *(wording.plain(measure.name) for measure in shown))
    st.markdown(table(heads, lines))
    if len(rows) > MAX_LISTED:
        st.caption(f"The first {MAX_LISTED} of them, by the lowest cost.")
    st.button(
        "Select them",
        icon=":material/my_location:",
        on_click=_search_selected.select,
        args=([int(number) for number in columns.numbers[rows[:MAX_LISTED]]],),
        key="select_newcomers",
    )
