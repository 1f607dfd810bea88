"""Pictures of a board: agreement with intervals, ranks against ranks, scores among themselves."""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app import wording
from app.board.figures import Cloud, Row
from app.charts._intervals import whiskers
from app.charts._style import CIRCLE, GREY, HOLLOW, RING, SKY, VERMILION, plain_layout, ticks
from search.correlation import Agreement, Pairwise

MAX_POINTS = 2_000
ROW_HEIGHT, FRAME = 26, 96
SCATTER_HEIGHT = 440
# Light throughout, so that dark words can be read on every cell.
DIVERGING, INK = [[0, "#E8907C"], [0.5, "#EEF1F4"], [1, "#5FA3D9"]], "#0E151C"


def agreement_chart(rows: Sequence[Row]) -> go.Figure:
    """Kendall's tau of every score with its interval, over all and over the top 10 %."""
    shown = [row for row in rows if row.agreement is not None][::-1]
    names = [_label(row) for row in shown]
    colours = [GREY if row.line.is_baseline else VERMILION for row in shown]
    figure = go.Figure()
    for name, symbol, colour, found in (
        ("top 10 %", HOLLOW, RING, [_of(row).top.kendall for row in shown]),
        ("all", CIRCLE, colours, [_of(row).everything.kendall for row in shown]),
    ):
        values = np.array([np.nan if e.value is None else e.value for e in found], np.float32)
        figure.add_trace(
            go.Scatter(
                x=values,
                y=names,
                mode="markers",
                name=name,
                marker={"symbol": symbol, "size": 9, "color": colour},
                error_x=whiskers(found, width=0, color=GREY),
                hovertemplate=f"%{{y}}, {name}: %{{x:.3f}}<extra></extra>",
            )
        )
    figure.update_layout(
        **plain_layout(FRAME + ROW_HEIGHT * max(len(shown), 4)),
        dragmode=False,
        legend={
            "orientation": "h",
            "y": 1.02,
            "x": 0,
            "yanchor": "bottom",
            "traceorder": "reversed",
        },
    )
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    figure.update_xaxes(**{**ticks(), "tickformat": ".1f"}, title={"text": "Kendall's tau-b"})
    figure.update_yaxes(automargin=True, showgrid=False)
    return figure


def agreement_alt(rows: Sequence[Row]) -> str:
    """The chart in words."""
    shown = [row for row in rows if row.agreement is not None]
    if not shown:
        return "No score has figures yet."
    best = shown[0]
    return (
        f"Kendall's tau of {wording.counted(len(shown), 'score')} over all architectures and over "
        f"the top 10 %; highest: {best.line.name}. The table has the same figures."
    )


def ranks_chart(cloud: Cloud, score: str, truth: str) -> go.Figure:
    """Rank by the score across, rank by the truth upwards; 1 is best, in the upper right."""
    num = len(cloud.ids_K)
    kept = np.arange(num) if num <= MAX_POINTS else np.linspace(0, num - 1, MAX_POINTS).astype(int)
    figure = go.Figure(
        go.Scatter(
            x=cloud.score_ranks_K[kept].astype(np.float32),
            y=cloud.truth_ranks_K[kept].astype(np.float32),
            mode="markers",
            marker={"size": 5, "color": SKY, "opacity": 0.65},
            customdata=[arch_id.decode() for arch_id in cloud.ids_K[kept]],
            text=[
                f"{html.escape(score)} {wording.number(x)}<br>{html.escape(truth)} "
                f"{wording.number(y)}"
                for x, y in zip(cloud.scores_K[kept], cloud.truths_K[kept], strict=True)
            ],
            hovertemplate="%{text}<br>rank %{x:,.0f} by score, %{y:,.0f} by truth<extra></extra>",
            unselected={"marker": {"opacity": 0.65}},
            name="architectures",
            showlegend=False,
        )
    )
    tenth = np.ceil(0.1 * num) + 0.5
    figure.add_hrect(y0=0.5, y1=tenth, fillcolor="rgba(213,94,0,0.10)", line_width=0)
    figure.add_shape(
        type="line", x0=1, y0=1, x1=num, y1=num, line={"color": GREY, "dash": "dot", "width": 1}
    )
    figure.update_layout(
        **plain_layout(SCATTER_HEIGHT),
        dragmode="pan",
        clickmode="event+select",
        hovermode="closest",
    )
    grid = {**ticks(), "tickformat": ",.0f", "autorange": "reversed"}
    figure.update_xaxes(**grid, title={"text": f"rank by {html.escape(score)}  |  best &#8594;"})
    figure.update_yaxes(**grid, title={"text": f"rank by {html.escape(truth)}  |  best &#8594;"})
    return figure


def ranks_alt(cloud: Cloud, score: str, truth: str) -> str:
    """The chart in words."""
    return (
        f"Ranks of {wording.counted(len(cloud.ids_K), 'architecture')} by {score} and by {truth}; "
        "the best tenth by truth is shaded. A click opens the architecture."
    )


def matrix_chart(found: Pairwise) -> go.Figure:
    """Spearman's correlation of every two scores, written into its cell."""
    names = [html.escape(wording.shortened(name, 24)) for name in found.names]
    values = np.array(
        [[np.nan if v is None else v for v in row] for row in found.spearman], np.float32
    )
    figure = go.Figure(
        go.Heatmap(
            x=names,
            y=names,
            z=values,
            zmin=-1,
            zmax=1,
            colorscale=DIVERGING,
            showscale=False,
            xgap=1,
            ygap=1,
            text=[["" if v is None else f"{v:.2f}" for v in row] for row in found.spearman],
            texttemplate="%{text}",
            textfont={"color": INK},
            customdata=np.array(found.num_common, np.float32),
            hovertemplate="%{y} with %{x}: %{z:.3f} over %{customdata:,.0f}<extra></extra>",
        )
    )
    figure.update_layout(
        **plain_layout(FRAME + 90 + ROW_HEIGHT * max(len(names), 5)), dragmode=False
    )
    figure.update_xaxes(tickangle=-40, automargin=True, showgrid=False)
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False)
    return figure


def matrix_alt(found: Pairwise) -> str:
    """The strongest agreement between two scores, in words."""
    pairs = [
        (value, found.names[a], found.names[b])
        for a, row in enumerate(found.spearman)
        for b, value in enumerate(row)
        if a < b and value is not None
    ]
    if not pairs:
        return "No two scores have architectures in common."
    value, first, second = max(pairs)
    return (
        f"Spearman's correlation of {len(found.names)} scores with each other; "
        f"{first} and {second} agree most, with {value:.2f}."
    )


def _label(row: Row) -> str:
    name = html.escape(wording.shortened(row.line.name, 28))
    return f"{name} (baseline)" if row.line.is_baseline else name


def _of(row: Row) -> Agreement:
    assert row.agreement is not None
    return row.agreement
