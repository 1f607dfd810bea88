"""What is known of the selected trials: the cell drawn, scores, how it compares with the knee."""

import json
from collections.abc import Sequence

import numpy as np
import streamlit as st

from app import drawings, export, pages, search_view, states, wording
from app.markdown_table import table
from app.measures import Measure
from app.mixtures import Mixture
from app.views import _drawing, _search_files, _take_further
from db import trials
from db.session import reading
from db.trials import Columns, TrialLine
from search.spaces import Drawing, spaces

SEVERAL = "several"  # whether a click adds to the selection


def show(
    job_id: int,
    columns: Columns,
    measures: Sequence[Measure],
    selected: tuple[int, ...],
    *,
    knee_row: int | None = None,
    best: int | None = None,
) -> None:
    """The panel beside the chart.

    Args:
        job_id: the search.
        columns: its trials.
        measures: its objectives and aggregates.
        selected: numbers of trials.
        knee_row: of the front in the chart; None without a knee.
        best: number of the best trial, where the chart is of one measure.
    """
    numbers = [number for number in selected if number in columns.numbers]
    if not numbers:
        _nothing(job_id, columns, knee_row, best)
        return
    with reading() as session:
        lines = [trials.trial(session, job_id, number) for number in numbers]
        space = trials.arch(session, lines[0].arch_id).space
    if len(lines) == 1:
        _one(job_id, lines[0], space, columns, measures, knee_row)
    else:
        _several(job_id, lines, measures)


def _nothing(job_id: int, columns: Columns, knee_row: int | None, best: int | None) -> None:
    _head("Nothing selected")
    if best is not None:
        st.markdown("Click a point to see its architecture.")
        label = f"Select the best, trial {best}"
        st.button(label, icon=":material/my_location:", on_click=select, args=([best],))
        _take_further.show(job_id, [best], "further")
        return
    st.markdown(
        "Click a point to see its architecture. Box and lasso are in the chart's bar: "
        "a box becomes the range, a lasso selects."
    )
    if knee_row is None:
        return
    number = int(columns.numbers[knee_row])
    st.markdown(
        "The **knee** is the point of the front that lies farthest from the line between its two "
        "ends: beyond it, a little more of one measure costs much of the other."
    )
    st.button("Select the knee", icon=":material/my_location:", on_click=select, args=([number],))


def select(numbers: Sequence[int]) -> None:
    """Put a selection into the address; an empty one takes it out."""
    if numbers:
        st.query_params["trials"] = search_view.trials_text(numbers)
    else:
        st.query_params.pop("trials", None)


def toggled(clicked: Sequence[int]) -> list[int]:
    """The selection of the address with these trials added, or taken out when they are in it."""
    before = search_view.read(st.query_params.to_dict(), ()).selected
    return [n for n in before if n not in clicked] + [n for n in clicked if n not in before]


def _head(title: str, line: TrialLine | None = None) -> None:
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", height=36, border=False
    ):
        st.markdown(f"**{title}**", width="content")
        if line is not None:
            look = states.TRIAL[line.state]
            st.badge(look.label, icon=look.icon, color=look.colour, help=look.meaning)
        st.toggle(
            "Several", key=SEVERAL, help="A click adds to the selection, or takes out of it."
        )
        if title != "Nothing selected":
            st.button(
                "Clear",
                icon=":material/close:",
                type="tertiary",
                on_click=select,
                args=([],),
                key="clear",
            )


def _one(  # what the panel of a trial shows
    job_id: int,
    line: TrialLine,
    space: str,
    columns: Columns,
    measures: Sequence[Measure],
    knee_row: int | None,
) -> None:
    _head(f"Trial {line.number}", line)
    known = spaces.get(space)
    drawing = None if known is None else known.drawing(line.choices)
    is_small = drawing is not None and drawings.is_small(drawing)
    if drawing is not None and is_small:
        _drawing.small(drawing)
    knee = None if knee_row is None else columns.values[knee_row]
    heads = ("measure", "value", "rank", "vs knee")[: 3 if knee is None else 4]
    rows = [_score_row(line, measure, columns, knee)[: len(heads)] for measure in measures]
    st.markdown(table(heads, rows))
    _failures(line, measures)
    _recalled(line)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        pages.link("arch", "Open", icon=":material/open_in_new:", id=line.arch_id)
        st.download_button(
            "Genotype",
            data=lambda: _genotype(line.arch_id),
            file_name=f"{line.arch_id}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            key="genotype",
        )
        _take_further.show(job_id, [line.number], "further")
    _search_files.of_trial(job_id, line.number)
    if not is_small:
        _at_length(line, drawing)


def _at_length(line: TrialLine, drawing: Drawing | None) -> None:
    """What is too large for a drawing stands below the scores, which it would push away."""
    if drawing is None:
        st.code(line.arch_key, language=None, wrap_lines=True)
    else:
        _drawing.in_words(drawing)


def _score_row(
    line: TrialLine, measure: Measure, columns: Columns, knee: np.ndarray | None
) -> tuple[str, ...]:
    score = line.scores.get(measure.place)
    name = wording.plain(measure.name)
    if isinstance(measure, Mixture):
        return _mixed_row(line, measure, columns, knee)
    if score is None:
        return name, "-", "", ""
    if score.value is None:
        look = states.STATUS[score.status]
        return name, look.markdown, "", ""
    unit = measure.unit if len(measure.unit) < 4 else ""
    value = wording.plain(f"{wording.number(score.value)} {unit}")
    rank = wording.count(rank_of(score.value, measure, columns))
    return name, value, rank, "" if knee is None else _against(score.value, knee[measure.place])


def _mixed_row(
    line: TrialLine, measure: Mixture, columns: Columns, knee: np.ndarray | None
) -> tuple[str, ...]:
    row = int(np.searchsorted(columns.numbers, line.number))
    value, name = float(columns.values[row, measure.place]), wording.plain(measure.name)
    if not np.isfinite(value):
        return name, "-", "", ""
    against = "" if knee is None else _against(value, knee[measure.place])
    rank = wording.count(rank_of(value, measure, columns))
    return name, wording.plain(wording.number(value)), rank, against


def rank_of(value: float, measure: Measure, columns: Columns) -> int:
    """1 for the best value among the job's trials that were not screened only."""
    values = columns.values[~columns.is_screened, measure.place]
    better = values < value if measure.direction == "minimize" else values > value
    return int(np.count_nonzero(better)) + 1


def _against(value: float, knee: float) -> str:
    if not np.isfinite(knee):
        return ""
    if knee == 0:
        return wording.plain(f"{'+' if value >= 0 else ''}{wording.number(value)}")
    share = (value - knee) / abs(knee) * 100
    return wording.plain("=" if share == 0 else f"{share:+.1f} %")


def _failures(line: TrialLine, measures: Sequence[Measure]) -> None:
    """Why scores of the trial could not be had."""
    for measure in measures:
        score = line.scores.get(measure.place)
        cause = str((score.details or {}).get("error", "")) if score else ""
        if cause:
            st.caption(f":red[{wording.plain(f'{measure.name}: {cause}')}]")


def _recalled(line: TrialLine) -> None:
    recalled = sum(score.from_memory for score in line.scores.values())
    spent = sum(score.seconds for score in line.scores.values())
    kinds = sorted({score.kind for score in line.scores.values()})
    st.caption(
        f"{', '.join(kinds)}; {recalled} of {len(line.scores)} scores from memory; "
        f"measured in {wording.duration(spent)}"
    )


def _several(job_id: int, lines: Sequence[TrialLine], measures: Sequence[Measure]) -> None:
    _head(wording.counted(len(lines), "trial"))
    heads = ("measure", *(f"#{line.number}" for line in lines))
    rows = [
        (wording.plain(measure.name), *(_value(line, measure, lines) for line in lines))
        for measure in measures
    ]
    st.markdown(table(heads, rows))
    st.caption("The best of each row is bold.")
    _take_further.show(job_id, [line.number for line in lines], "further")
    for line in lines:
        with st.container(horizontal=True, vertical_alignment="center"):
            pages.link(
                "arch", f"Open trial {line.number}", icon=":material/open_in_new:", id=line.arch_id
            )


def _value(line: TrialLine, measure: Measure, lines: Sequence[TrialLine]) -> str:
    score = line.scores.get(measure.place)
    if score is None or score.value is None:
        return "-"
    others = [s.value for other in lines if (s := other.scores.get(measure.place))]
    is_best = not any(v is not None and measure.is_better(v, score.value) for v in others)
    text = wording.plain(wording.number(score.value))
    return f"**{text}**" if is_best else text


def _genotype(arch_id: str) -> str:
    with reading() as session:
        return json.dumps(export.genotype(trials.arch(session, arch_id)), indent=2)
