"""Pictures of a training: series over steps, shares as heat maps, what a splitter measured."""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app import wording
from app.charts._style import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    SCALE,
    SKY,
    SMALL_HEIGHT,
    VERMILION,
    plain_layout,
    ticks,
)
from app.training_curves import FAMILIES, Heat, Line, Panel

# A role has the same colour, dash and mark in every panel.
LOOKS = {
    "max": (VERMILION, "solid", "circle"),
    "largest": (VERMILION, "solid", "circle"),
    "solo": (VERMILION, "solid", "circle"),
    "mid": (GREEN, "dash", "square"),
    "sampled": (GREEN, "dash", "square"),
    "min": (BLUE, "dot", "diamond"),
    "smallest": (BLUE, "dot", "diamond"),
}
MORE = (
    (VERMILION, "solid", "circle"),
    (BLUE, "dash", "diamond"),
    (GREEN, "dot", "square"),
    (PURPLE, "dashdot", "cross"),
    (AMBER, "longdash", "triangle-up"),
    (SKY, "longdashdot", "x"),
)
ALONE = (BLUE, "solid", "circle")  # a series that shares its panel with no other
FEW = 40  # points that are marked one by one
ROW_HEIGHT, FRAME = 24, 90
INK = "#0E151C"
PALE = [[0, "#F2F5F7"], [1, "#6FA8D6"]]  # light throughout: dark words can be read on it
MAX_LABEL = 26


def panel_chart(panel: Panel) -> go.Figure:
    """The series of one panel over the steps of the training."""
    figure = go.Figure()
    several = len(panel.lines) > 1
    is_family = several or panel.key in FAMILIES or bool(panel.marks)
    for place, line in enumerate(panel.lines):
        colour, dash, mark = _look(line, place) if several else LOOKS.get(line.name, ALONE)
        is_marked = len(line.steps_K) <= FEW
        figure.add_trace(
            go.Scatter(
                x=line.steps_K,
                y=line.values_K,
                mode="lines+markers" if is_marked else "lines",
                name=html.escape(line.name),
                line={"color": colour, "dash": dash, "width": 2},
                marker={"symbol": mark, "size": 6},
                hovertemplate=f"{html.escape(line.name)}, step %{{x:,.0f}}: %{{y:.4~g}}"
                "<extra></extra>",
            )
        )
    layout = plain_layout(SMALL_HEIGHT)
    figure.update_layout(
        **{**layout, "margin": {**layout["margin"], "t": 28 if is_family else 12}},
        dragmode="pan",
        showlegend=is_family,
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
        uirevision=panel.key,
    )
    for step, what in panel.marks:
        stroke = {"color": GREY, "dash": "dash", "width": 1.5}
        figure.add_vline(x=step, line=stroke)
        named = {"name": html.escape(what), "line": stroke, "hoverinfo": "skip"}
        figure.add_trace(go.Scatter(x=[None], y=[None], mode="lines", **named))
    figure.update_xaxes(**{**ticks(), "tickformat": ",d"}, title={"text": "step"})
    steps = {int(step) for line in panel.lines for step in line.steps_K}
    if len(steps) == 1:
        figure.update_xaxes(tickvals=[*steps])  # parts of a step would be told as the same one
    figure.update_yaxes(
        **{**ticks(), "tickformat": "~g"},
        title={"text": html.escape(wording.titled(panel.title, panel.unit))},
    )
    return figure


def panel_alt(panel: Panel) -> str:
    """The panel in words: where every series stands."""
    several = len(panel.lines) > 1
    told = [f"{line.name} {_last(line)}" if several else _last(line) for line in panel.lines]
    title = wording.titled(panel.title, panel.unit)
    marks = "".join(f" From step {step:,} on: {what}." for step, what in panel.marks)
    return f"{title} over the training, now {', '.join(told)}.{marks}"


def heat_chart(heat: Heat) -> go.Figure:
    """Rows of shares over the steps; each row's last value stands beside its name.

    Colours begin at 0, and those of a distribution have its uniform share in their middle or
    below: what is nearly uniform looks so.
    """
    low, high = _range(heat)
    uniform = {} if heat.uniform is None else _ticks_with_uniform(heat.uniform, high)
    rows = zip(heat.names, heat.values_NS, strict=True)
    names = [_with_last(name, row_S) for name, row_S in rows]
    figure = go.Figure(
        go.Heatmap(
            x=heat.steps_S,
            y=names,
            z=heat.values_NS,
            colorscale=SCALE,
            zmin=low,
            zmax=high,
            colorbar={"thickness": 10, "tickformat": "~g", "outlinewidth": 0, **uniform},
            hovertemplate="%{y}<br>step %{x:,.0f}: %{z:.4~g}<extra></extra>",
        )
    )
    figure.update_layout(**plain_layout(FRAME + ROW_HEIGHT * max(len(names), 4)), dragmode=False)
    figure.update_xaxes(
        **{**ticks(), "tickformat": ",d", "showgrid": False}, title={"text": "step"}
    )
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False)
    return figure


def _range(heat: Heat) -> tuple[float, float]:
    finite = heat.values_NS[np.isfinite(heat.values_NS)]
    low, high = float(finite.min(initial=0)), float(finite.max(initial=0))
    return low, max(high, 2 * (heat.uniform or 0)) or 1.0


def _ticks_with_uniform(uniform: float, high: float) -> dict[str, list[float] | list[str]]:
    places = [0.0, uniform, high]
    return {
        "tickvals": places,
        "ticktext": ["0", f"{wording.number(uniform)} uniform", wording.number(high)],
    }


def heat_alt(heat: Heat) -> str:
    """The heat map in words: the last step's greatest and least."""
    last_N = heat.values_NS[:, -1] if heat.values_NS.size else np.empty(0)
    if not np.isfinite(last_N).any():
        return f"{heat.title}: nothing is known yet."
    most, least = int(np.nanargmax(last_N)), int(np.nanargmin(last_N))
    even = "" if heat.uniform is None else f" {wording.number(heat.uniform)} is uniform."
    return (
        f"{heat.title} over the training; now {heat.names[most]} has most with "
        f"{wording.number(float(last_N[most]))}, {heat.names[least]} least with "
        f"{wording.number(float(last_N[least]))}.{even}"
    )


def distances_chart(names: Sequence[str], distances_CC: NDArray[np.float64]) -> go.Figure:
    """How far the gradients of the choices of one decision lie apart, written into the cells."""
    shown = [html.escape(wording.shortened(name, MAX_LABEL)) for name in names]
    figure = go.Figure(
        go.Heatmap(
            x=shown,
            y=shown,
            z=distances_CC,
            colorscale=PALE,
            showscale=False,
            xgap=1,
            ygap=1,
            texttemplate="%{z:.3g}",
            textfont={"color": INK},
            hovertemplate="%{y} and %{x}: %{z:.4g}<extra></extra>",
        )
    )
    figure.update_layout(
        **plain_layout(FRAME + 40 + ROW_HEIGHT * max(len(shown), 4)), dragmode=False
    )
    figure.update_xaxes(tickangle=-30, automargin=True, showgrid=False)
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False)
    return figure


def distances_alt(names: Sequence[str], distances_CC: NDArray[np.float64]) -> str:
    """The two choices that lie furthest apart, in words."""
    first, second = divmod(int(np.nanargmax(distances_CC)), distances_CC.shape[1])
    return (
        f"Distances between the gradients of {wording.counted(len(names), 'choice')}; "
        f"{names[first]} and {names[second]} lie furthest apart."
    )


def _look(line: Line, place: int) -> tuple[str, str, str]:
    return LOOKS.get(line.name) or MORE[place % len(MORE)]


def _last(line: Line) -> str:
    finite = line.values_K[np.isfinite(line.values_K)]
    return wording.number(float(finite[-1])) if len(finite) else "not finite"


def _with_last(name: str, row_S: NDArray[np.float32]) -> str:
    finite = row_S[np.isfinite(row_S)]
    tail = f"  {wording.number(float(finite[-1]))}" if len(finite) else ""
    return f"{html.escape(wording.shortened(name, MAX_LABEL))}{tail}"
