"""Best-so-far curves of a search and of its random control, one for each seed."""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app import wording
from app.against_chance import MAX_STEPS, Run, Verdict
from app.charts._style import GREY, VERMILION, hover_format, plain_layout, ticks
from app.drawn import drawn, thinned

HEIGHT = 340
MAX_SEEDS = 20
END = 8  # size of a mark
SYMBOLS = {"random control": "square", "search": "circle"}


def control_chart(found: Verdict, by: str) -> go.Figure:
    """Steps over trials: the search drawn through, its control dashed; a mark where each ends.

    Without it, what the very last trial found would be hidden in the edge.
    """
    figure = go.Figure()
    pairs = found.pairs[:MAX_SEEDS]
    for name, dash, colour, side in (
        ("random control", "dash", GREY, [pair.control for pair in pairs]),
        ("search", "solid", VERMILION, [pair.search for pair in pairs]),
    ):
        _draw(figure, side, name, {"color": colour, "dash": dash, "shape": "hv", "width": 1.8})
    if found.least is not None:
        first = found.pairs[0]
        for num in {run.after(found.least) for run in (first.search, first.control)}:
            figure.add_vline(x=num, line={"color": GREY, "dash": "dot", "width": 1})
    figure.update_layout(
        **plain_layout(HEIGHT),
        dragmode=False,
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
    )
    runs = [run for pair in pairs for run in (pair.search, pair.control)]
    x_ticks = ticks([run.num_trials for run in runs])
    figure.update_xaxes(title={"text": "trials"}, **x_ticks, rangemode="tozero")
    better = "higher" if found.direction == "maximize" else "lower"
    y_ticks = ticks(*(run.values_K for run in runs))
    figure.update_yaxes(title={"text": f"best {html.escape(by)}, {better} is better"}, **y_ticks)
    return figure


def control_alt(found: Verdict, by: str) -> str:
    """The chart in words."""
    surpass = found.surpass
    told = (
        "nothing can be compared yet"
        if surpass is None or surpass.value is None
        else f"the search wins {wording.share(surpass.value)} of all pairs"
    )
    return (
        f"Best {by} over trials of {wording.counted(len(found.pairs), 'seed')} of the search and "
        f"of their random controls; {told}. The table has where each ended."
    )


def _draw(figure: go.Figure, runs: Sequence[Run], name: str, line: dict[str, object]) -> None:
    for place, run in enumerate(runs):
        if not len(run.trials_K):
            continue
        kept = thinned(len(run.trials_K), MAX_STEPS)
        sizes = np.append(np.zeros(len(kept), np.float32), np.float32(END))
        written = hover_format(run.values_K)
        figure.add_trace(
            go.Scatter(
                x=np.append(run.trials_K[kept], run.num_trials).astype(np.float32),
                y=drawn(np.append(run.values_K[kept], run.values_K[-1])),
                mode="lines+markers",
                marker={"size": sizes, "symbol": SYMBOLS[name], "color": line["color"]},
                cliponaxis=False,
                name=name,
                legendgroup=name,
                showlegend=place == 0,
                line=line,
                opacity=0.85,
                hovertemplate=f"{name}, after %{{x:,.0f}} trials: %{{y:{written}}}<extra></extra>",
            )
        )
