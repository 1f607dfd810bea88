"""What the board found: a table of figures and pictures of them, filled in as they are made."""

from collections.abc import Callable, Sequence

import streamlit as st

from app import charts, wording
from app.board import figures, work
from app.board.asking import Offer
from app.board.figures import Line, Question, Row
from app.board.series import Series, is_protocol_needed
from app.board.work import Progress
from app.markdown_table import table
from app.views import _board_baselines
from search.correlation import Agreement, Coverage, Estimate

PATIENCE_S = 1.0
POLL_S = 1.5
ASKED = "board_asked"
SCATTER = "board_scatter"
EVIDENCE = {"reconstruction": "orange", "memory": "orange", "ours": "violet"}


def show(question: Question, made: Offer, over: str, csv_address: str) -> None:
    """The lower part of the page.

    Raises:
        SpecError: the question has no answer; by field.
    """
    asked = st.session_state.setdefault(ASKED, [])
    now = work.progress(question, asked, patience_s=PATIENCE_S)
    fill_in = st.fragment(_figures, run_every=None if now.is_done else POLL_S)
    fill_in(question, made, over, csv_address, now.stage)
    if now.archs is not None:
        _board_baselines.show(question, now.archs)
        _pictures(question, now)


def _figures(question: Question, made: Offer, over: str, csv_address: str, drawn: int) -> None:
    now = work.progress(question, st.session_state[ASKED], patience_s=0.05)
    if now.stage > drawn:
        st.rerun()  # the whole page: its pictures show more, and at the end nobody asks again
    _summary(question, now, csv_address)
    with st.container(border=True, key="board_table"):
        if now.archs is None:
            st.markdown("Reading the scores. A large search takes some seconds.")
            return
        rows = [_cells(row, question, made, over) for row in now.rows]
        rows += [_waiting(line, made) for line in now.waiting]
        st.markdown(table(_heads(question, over), rows), unsafe_allow_html=True)
        if not now.is_done:
            st.caption("Intervals are being computed; the figures stand already.")
    _remarks(question)


def _summary(question: Question, now: Progress, csv_address: str) -> None:
    if now.archs is None:
        return
    truth = question.truth
    num, resamples = len(now.archs.ids_N), figures.num_resamples(question, now.archs)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"Truth: {wording.plain(truth.name)} ({wording.plain(truth.kind)}; "
            f"{wording.plain(truth.protocol)}), {wording.counted(num, 'architecture')}. "
            f"Intervals hold 95 % of {resamples:,} bootstrap resamples; those of random, which is "
            "the expectation, 95 % of all draws.",
            width="stretch",
        )
        st.markdown(f"[CSV]({csv_address})", width="content")
    if now.archs.rule:
        st.caption(f":material/filter_alt: {wording.plain(now.archs.rule)}")


def _heads(question: Question, over: str) -> tuple[str, ...]:
    scope, other = ("", "Spearman, top 10 %") if over == "all" else (", top 10 %", "Spearman, all")
    return (
        "Score",
        "Architectures",
        f"Kendall tau&#8209;b{scope}",  # a hyphen at which no line breaks
        f"Spearman{scope}",
        f"Weighted tau{scope}",
        other,
        "Top 10 % shared",
        f"Best {question.k} shared",
        f"Regret of best {question.k}",
    )


def _cells(row: Row, question: Question, made: Offer, over: str) -> tuple[str, ...]:
    name = _name(row.line, made)
    found = row.agreement
    if found is None:
        if row.line.why_missing:
            return (name, ":gray[not recorded]", *[""] * 7)
        return (f"{name}<br>:small[:gray[{wording.plain(row.problem)}]]", *[""] * 8)
    here, other = found.everything, found.top
    if over != "all":
        here, other = other, here
    return (
        name,
        _coverage(found, here.num_archs),
        _estimate(here.kendall),
        _estimate(here.spearman),
        _estimate(here.weighted_kendall),
        _estimate(other.spearman),
        _share(found.top_overlap),
        _share(found.precision_at_k),
        _regret(found.regret_at_k, question.truth.unit),
    )


def _waiting(line: Line, made: Offer) -> tuple[str, ...]:
    return (_name(line, made), ":gray[computing]", *[""] * 7)


def _name(line: Line, made: Offer) -> str:
    words = f"**{wording.plain(line.name)}**"
    one = line.series
    if line.is_baseline:
        words += " :gray-badge[baseline]"
    if one is None:
        return words
    if one.note:
        words += f" :{EVIDENCE.get(one.note, 'orange')}-badge[{one.note}]"
    if one.remark:
        words += " :material/info:"
    return f"{words}<br>:small[:gray[{wording.plain(_under(one, made))}]]"


def _under(one: Series, made: Offer) -> str:
    told = (
        f"{one.kind}, {one.protocol}" if one.kind not in ("table", "aggregate") else one.protocol
    )
    if is_protocol_needed(one, made.series):
        return f"{told} (one of several protocols)"
    return f"{told}; more is taken for better" if one.baseline else told


def _coverage(found: Agreement, num: int) -> str:
    lost = _lost(found.coverage)
    return "<br>".join([f"{num:,}", *(f":small[:gray[{part}]]" for part in lost)])


def _lost(coverage: Coverage) -> list[str]:
    """What there is no score for, by the reason."""
    parts = [
        f"{count:,} {word}"
        for word, count in (
            ("undefined", coverage.undefined),
            ("failed", coverage.failed),
            ("missing", coverage.missing),
        )
        if count
    ]
    return parts or ["all"]


def _estimate(found: Estimate) -> str:
    return _written(found, "{:.3f}".format)


def _regret(found: Estimate, unit: str) -> str:
    """In the units of the truth, which may be losses of .001 or counts of millions."""
    write = "{:.2f}".format if unit == "%" else wording.number
    return _written(found, write, f" {wording.plain(unit)}" if unit and len(unit) < 4 else "")


def _share(found: Estimate) -> str:
    return _written(found, wording.share)


def _written(found: Estimate, write: Callable[[float], str], tail: str = "") -> str:
    if found.value is None:
        return f":gray[{wording.plain(found.reason or 'none')}]"
    value = f"**{wording.plain(write(found.value))}**{tail}"
    if found.low is None or found.high is None:
        return value
    low, high = (wording.plain(write(end)) for end in (found.low, found.high))
    return f"{value}<br>:small[:gray[{low} to {high}]]"


def _remarks(question: Question) -> None:
    """What must be known of a published figure, said once."""
    told = {one.remark: one.name for one in question.scores if one.remark}
    for remark, name in told.items():
        st.caption(f":material/info: **{wording.plain(name)}**: {wording.plain(remark)}")


def _pictures(question: Question, now: Progress) -> None:
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True):
        st.subheader("All against the best tenth", anchor=False)
        st.plotly_chart(
            charts.agreement_chart(now.rows),
            key="board_agreement",
            config=charts.STILL,
            alt=charts.agreement_alt(now.rows),
        )
    with right, st.container(border=True):
        _scatter(question, now)
    if now.matrix is not None and len(now.matrix.names) > 1:
        with st.container(border=True):
            st.subheader("Which scores agree with which", anchor=False)
            st.caption(
                "Spearman's correlation over the architectures that both have. Scores that agree "
                "are no independent evidence."
            )
            st.plotly_chart(
                charts.matrix_chart(now.matrix),
                key="board_matrix",
                config=charts.STILL,
                alt=charts.matrix_alt(now.matrix),
            )


def _scatter(question: Question, now: Progress) -> None:
    ready = {row.line for row in now.rows if row.agreement is not None}
    listed = [line for line in figures.lines(question) if line in ready]
    names = [line.name for line in listed]
    lines = {_label(line, names): line for line in listed}
    st.subheader("Ranks", anchor=False)
    if not lines or now.archs is None:
        st.markdown("Here you will see the ranks of a score against those of the truth.")
        return
    chosen = st.selectbox(
        "Score", list(lines), key="show", bind="query-params", label_visibility="collapsed"
    )
    line = lines.get(chosen) or next(iter(lines.values()))
    found = figures.cloud(question, line, now.archs)
    truth = question.truth.name
    st.plotly_chart(
        charts.ranks_chart(found, line.name, truth),
        key=SCATTER,
        on_select=_open_arch,
        selection_mode="points",
        config=charts.CONFIG,
        alt=charts.ranks_alt(found, line.name, truth),
    )
    st.caption("Shaded: the best tenth by truth. A click opens the architecture.")


def _label(line: Line, names: Sequence[str]) -> str:
    """The name; of several alike the key, which tells them apart."""
    return line.series.key if line.series and names.count(line.name) > 1 else line.name


def _open_arch() -> None:
    points = st.session_state[SCATTER].selection.points
    if points and points[0].get("customdata"):
        found = points[0]["customdata"]
        st.session_state["open_arch"] = found if isinstance(found, str) else found[0]
