"""Board: which proxy to believe, for a search, a space or an imported benchmark."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import streamlit as st

from app import cached, pages, wording
from app.board import asking, sources
from app.board.asking import Offer, Request
from app.board.figures import MAX_K
from app.board.series import Series, is_protocol_needed, with_key
from app.views import _board_results, _other_data
from db import benchmarks, jobs
from db.session import reading
from search.errors import SpecError

NUM_SUGGESTED = 3
LEFT_OUT, RANK_LAST = "left out", "ranked last"
POLICIES: Mapping[str, asking.Policy] = {LEFT_OUT: "drop", RANK_LAST: "rank_last"}


def show() -> None:
    """The page."""
    if arch_id := st.session_state.pop("open_arch", None):
        pages.go("arch", id=arch_id)
    st.title("Which proxy to believe", anchor=False)
    chosen = _sources()
    place = st.empty()
    if not chosen:
        _nothing_yet()
        return
    try:
        _asked(chosen)
    except SpecError as error:
        fields = dict(error.fields)
        if message := fields.pop("from", fields.pop("", None)):
            place.markdown(_wrong(message))
        for message in fields.values():
            st.markdown(_wrong(message))
        _made_from(chosen)
        if "truth" in fields:
            _ways_to_a_truth(chosen)


def _made_from(chosen: Sequence[str]) -> None:
    """Searches that were made from the chosen ones: they may have what is missing."""
    with reading() as session:
        found = sources.made_from(session, chosen)
    with st.container(horizontal=True, gap="xsmall"):
        for source, words in found.items():
            st.button(
                f"Add {wording.plain(words)}",
                icon=":material/add:",
                key=f"add_{source}",
                on_click=_add,
                args=(source,),
            )


def _ways_to_a_truth(chosen: Sequence[str]) -> None:
    """Where accuracies may come from: benchmarks of the space, or trainings of some trials."""
    ids = [int(one.name) for one in sources.parse(chosen) if one.kind == "search"]
    with reading() as session:
        found = {job_id: jobs.job(session, job_id).space for job_id in ids}
        known = [b.name for b in benchmarks.benchmarks(session) if b.space in found.values()]
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        for name in known:
            st.button(
                f"Add benchmark {wording.plain(name)}",
                icon=":material/add:",
                key=f"add_benchmark_{name}",
                on_click=_add,
                args=(f"benchmark:{name}",),
            )
        for job_id in ids:
            label = f"Train some of search {job_id} to check"
            pages.link("search", label, icon=":material/fitness_center:", id=job_id)
        pages.link("data", "Import a benchmark", icon=":material/database:")


def _add(source: str) -> None:
    st.query_params["from"] = [*st.query_params.get_all("from"), source]


def _asked(chosen: tuple[str, ...]) -> None:
    """Controls under each other, so that a wrong one keeps its message beside it."""
    catalogue = cached.offered()
    pooled = st.query_params.get("pool") == "true"
    with reading() as session:
        made = asking.offer(session, Request(chosen, pool_seeds=pooled), catalogue)
    cells = st.columns((3, 3, 1.5, 1.1, 1.4), vertical_alignment="bottom")
    with cells[0]:
        truth = _truth(made)
    with cells[1], st.popover("Scores", icon=":material/checklist:", width="stretch"):
        scores = _scores(made, truth)
    policy = cells[2].selectbox(
        "Undefined scores are",
        list(POLICIES),
        key="undefined",
        bind="query-params",
        help="Leave them out, and say how many; or rank them last, all alike.",
    )
    k = cells[3].number_input(
        "Pick the best",
        min_value=1,
        max_value=MAX_K,
        value=10,
        key="k",
        bind="query-params",
        help="So many architectures one would pick by a score.",
    )
    with cells[4]:
        over = st.segmented_control(
            "Over", ["all", "top 10 %"], default="all", required=True, key="over",
            bind="query-params",
        )  # fmt: skip
    request = Request(chosen, truth, scores, POLICIES[policy], int(k), pooled)
    with reading() as session:
        made = asking.offer(session, request, catalogue)
    if made.truth is not None and made.truth.kind == "table" and not made.truth.baseline:
        _other_data.warn(made.truth.name, made.truth.dataset, made.datasets, "the searches")
    question = asking.question(made, request)
    _board_results.show(question, made, over or "all", _address_of_csv(request))


def _sources() -> tuple[str, ...]:
    """Where scores come from; the address says it, not what the widget is called."""
    given = [text for text in st.query_params.get_all("from") if text]
    with reading() as session:
        options = sources.offered(session, given)
    options |= {text: text for text in given if text not in options}
    st.session_state["board_from"] = given
    left, right = st.columns((5, 1.2), vertical_alignment="bottom")
    chosen = left.multiselect(
        "Scores and truth from",
        list(options),
        format_func=lambda text: options.get(text, text),
        key="board_from",
        on_change=_keep,
        args=("from", "board_from"),
        placeholder="searches, groups of seeds, whole spaces, benchmarks",
    )
    right.toggle(
        "Pool seeds",
        key="pool",
        bind="query-params",
        help="Take scores of different seeds for one column, the mean for each architecture. "
        "Left off, every seed is its own.",
    )
    return tuple(chosen)


def _truth(made: Offer) -> str:
    by_key = {one.key: one for one in made.series}
    given = st.query_params.get("truth", "")
    named = with_key(made.series, given) if given else None
    chosen = named or made.truth
    st.session_state["board_truth"] = chosen.key if chosen else None
    found = st.selectbox(
        "Truth",
        list(by_key),
        index=None,
        format_func=lambda key: _title(by_key[key], made.series),
        key="board_truth",
        on_change=_keep,
        args=("truth", "board_truth"),
        placeholder="what the scores should predict",
    )
    if given and named is None:
        st.markdown(_wrong(f"there is no column {given} here"))
    return found or ""


def _scores(made: Offer, truth: str) -> tuple[str, ...]:
    """Which columns and aggregates are compared; every proxy unless a person says otherwise."""
    by_key = {one.key: one for one in (*made.series, *made.aggregates) if one.key != truth}
    usual = [one.key for one in made.scores if one.key in by_key]
    given = [key for key in st.query_params.get_all("scores") if key in by_key]
    st.session_state["board_scores"] = given or usual
    st.caption("Parameters, multiply-adds and chance are always among them.")
    chosen = st.multiselect(
        "Compare",
        list(by_key),
        format_func=lambda one: _title(by_key[one], made.series, always=True),
        key="board_scores",
        on_change=_keep,
        args=("scores", "board_scores"),
        placeholder="every proxy",
    )
    return tuple(chosen)


def _keep(name: str, key: str) -> None:
    """Put what a widget holds into the address."""
    held = st.session_state[key]
    if held:
        st.query_params[name] = held
    else:
        st.query_params.pop(name, None)


def _title(one: Series, series: Sequence[Series], *, always: bool = False) -> str:
    words = one.name if not one.note else f"{one.name} ({one.note})"
    if always or is_protocol_needed(one, series) or one.kind == "table":
        return f"{words}, {one.protocol}"
    return words


def _address_of_csv(request: Request) -> str:
    query = {
        "from": list(request.sources),
        "truth": request.truth,
        "scores": list(request.scores),
        "undefined": request.undefined,
        "k": request.k,
        "pool_seeds": str(request.pool_seeds).lower(),
    }
    return f"/api/board.csv?{urlencode(query, doseq=True)}"


def _wrong(message: str) -> str:
    return f":red[:material/error: {wording.plain(message[:1].upper() + message[1:])}]"


def _nothing_yet() -> None:
    with st.container(border=True):
        st.markdown(
            "A proxy scores a network without training it. Here you will see how far such scores "
            "agree with what they should predict: rank correlations with their intervals, over "
            "everything and over the best tenth, how many scores are undefined, and whether any "
            "of them does better than counting parameters."
        )
        st.markdown(
            "Choose above where scores and truth come from. They may come from different places: "
            "the proxies of one search, the accuracies of another or of a benchmark; they are "
            "joined by architecture."
        )
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            with reading() as session:
                first = list(sources.offered(session).items())[:NUM_SUGGESTED]
            for source, words in first:
                pages.link(
                    "board",
                    wording.plain(words),
                    icon=":material/leaderboard:",
                    **{"from": source},
                )
            pages.link("data", "Import a benchmark", icon=":material/database:")
