"""The front of two objectives: the rest as a density, a sample and a step line."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app import wording
from app.charts._style import (
    AMBER,
    CIRCLE,
    CROSS,
    FRONT_HEIGHT,
    GREEN,
    GREY,
    HOLLOW,
    SCALE,
    SKY,
    VERMILION,
    axis_title,
    hover_format,
    number_format,
    plain_layout,
    ring,
    ticks,
)
from app.drawn import Drawn
from app.front import Box, Density, Picture, Points
from app.measures import Measure

DENSITY = [[0, "rgba(86,140,190,0.10)"], [1, "rgba(50,110,170,0.75)"]]
PLAIN_DENSITY = [[0, "rgba(128,138,148,0.10)"], [1, "rgba(110,120,130,0.55)"]]

Numbers = NDArray[np.int32] | tuple[int, ...]


def front_chart(
    shown: Picture, chosen: Points | None = None, limits: Sequence["Limit"] = ()
) -> go.Figure:
    """The front of two objectives: the rest as a density, a sample and a step line."""
    selected = () if chosen is None else chosen.numbers_K
    figure = go.Figure()
    if shown.density is not None:
        figure.add_trace(_density(shown.density, shown))
    if len(shown.screened):
        figure.add_trace(_screened(shown, selected))
    if len(shown.infeasible):
        figure.add_trace(_infeasible(shown, selected))
    if len(shown.dominated):
        figure.add_trace(_dominated(shown, selected))
    if len(shown.front):
        figure.add_trace(_steps(shown))
        figure.add_trace(_front(shown, selected))
    _mark_knee(figure, shown)
    if chosen is not None and len(chosen):
        figure.add_trace(ring(chosen.x_K, chosen.y_K))
    for limit in limits:
        _draw_limit(figure, limit, shown)
    figure.update_layout(
        **plain_layout(FRONT_HEIGHT),
        dragmode="pan",
        clickmode="event+select",
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom", "itemclick": "toggle"},
        coloraxis=_colour_axis(shown),
    )
    figure.update_xaxes(**_axis(shown.x, "x", shown))
    figure.update_yaxes(**_axis(shown.y, "y", shown))
    return figure


@dataclass(frozen=True)
class Limit:
    """A constraint as a line in the chart."""

    measure: Measure
    value: float


def front_alt(shown: Picture) -> str:
    """The chart in words, for those who do not see it."""
    text = (
        f"{wording.counted(shown.num_trials, 'trial')} by {shown.x.title}, {shown.x.wish}, "
        f"and {shown.y.title}, {shown.y.wish}: {len(shown.front)} on the front"
    )
    if len(shown.front):
        first, last = shown.front, -1
        text += (
            f", from {_pair(first, 0)} to {_pair(first, last)}"
            f"{'' if shown.knee is None else f', knee at trial {shown.knee}'}"
        )
    return f"{text}. The trials tab has the same as a table."


def _density(density: Density, shown: Picture) -> go.Heatmap:
    return go.Heatmap(
        x=density.x_edges,
        y=density.y_edges,
        z=density.counts_YX,
        colorscale=DENSITY if shown.colour is None else PLAIN_DENSITY,
        showscale=False,
        hoverinfo="skip",
        name="density",
        showlegend=False,
    )


def _screened(shown: Picture, selected: Numbers) -> go.Scatter:
    return _cloud(
        shown.screened,
        shown,
        selected,
        name=f"screened ({len(shown.screened):,} of {shown.num_screened:,})",
        marker={"symbol": CIRCLE, "size": 3.5, "color": GREY, "opacity": 0.35},
        hue=False,
    )


def _infeasible(shown: Picture, selected: Numbers) -> go.Scatter:
    return _cloud(
        shown.infeasible,
        shown,
        selected,
        name=f"infeasible ({shown.num_infeasible:,})",
        marker={"symbol": CROSS, "size": 5, "color": GREY, "opacity": 0.55},
        hue=False,
    )


def _dominated(shown: Picture, selected: Numbers) -> go.Scatter:
    drawn, num = len(shown.dominated), shown.num_dominated
    name = f"dominated ({num:,})" if drawn == num else f"dominated ({drawn:,} of {num:,})"
    return _cloud(
        shown.dominated,
        shown,
        selected,
        name=name,
        marker={
            "symbol": _symbols(shown.dominated),
            "size": 5.5,
            "color": SKY,
            "opacity": 0.65 if shown.density is None else 0.5,
        },
        hue=shown.colour is not None,
    )


def _front(shown: Picture, selected: Numbers) -> go.Scatter:
    return _cloud(
        shown.front,
        shown,
        selected,
        name=f"front ({len(shown.front):,})",
        marker={
            "symbol": _symbols(shown.front),
            "size": 10,
            "color": VERMILION,
            "opacity": 1,
            "line": {"width": 1.5, "color": VERMILION},
        },
        hue=shown.colour is not None,
    )


def _cloud(
    points: Points,
    shown: Picture,
    selected: Numbers,
    *,
    name: str,
    marker: dict[str, Any],
    hue: bool,
) -> go.Scatter:
    opacity = marker["opacity"]
    hover = (
        f"{html.escape(shown.x.name)} %{{x:{hover_format(points.x_K)}}}<br>"
        f"{html.escape(shown.y.name)} %{{y:{hover_format(points.y_K)}}}"
    )
    if hue and points.colour_K is not None and shown.colour is not None:
        marker = {**marker, "color": points.colour_K, "coloraxis": "coloraxis"}
        written = hover_format(points.colour_K)
        hover += f"<br>{html.escape(shown.colour.name)} %{{marker.color:{written}}}"
    chosen = np.flatnonzero(np.isin(points.numbers_K, selected))
    return go.Scatter(
        x=points.x_K,
        y=points.y_K,
        mode="markers",
        name=name,
        customdata=points.numbers_K,
        hovertemplate=f"trial %{{customdata}}<br>{hover}<extra></extra>",
        marker=marker,
        selectedpoints=chosen.tolist() if len(chosen) else None,
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": opacity}},
    )


def _steps(shown: Picture) -> go.Scatter:
    """The border of what is dominated: steps, not straight lines."""
    points = _finite_on(shown.front, shown.logarithmic)
    return go.Scatter(
        x=points[0],
        y=points[1],
        mode="lines",
        line={
            "shape": "hv" if shown.x.direction == "minimize" else "vh",
            "color": VERMILION,
            "width": 1.6,
        },
        hoverinfo="skip",
        showlegend=False,
        name="front line",
    )


def _finite_on(points: Points, logarithmic: frozenset[str]) -> tuple[Drawn, Drawn]:
    kept = np.ones(len(points), np.bool_)
    if "x" in logarithmic:
        kept &= points.x_K > 0
    if "y" in logarithmic:
        kept &= points.y_K > 0
    return points.x_K[kept], points.y_K[kept]


def _mark_knee(figure: go.Figure, shown: Picture) -> None:
    if shown.knee is None:
        return
    row = int(np.flatnonzero(shown.front.numbers_K == shown.knee)[0])
    figure.add_trace(
        go.Scatter(
            x=shown.front.x_K[row : row + 1],
            y=shown.front.y_K[row : row + 1],
            mode="markers",
            name="knee",
            marker={
                "symbol": "diamond-open",
                "size": 19,
                "color": AMBER,
                "line": {"width": 2.5},
            },
            hoverinfo="skip",
        )
    )


def _draw_limit(figure: go.Figure, limit: Limit, shown: Picture) -> None:
    line = {"color": GREEN, "dash": "dash", "width": 1.8}
    if limit.measure.place == shown.x.place:
        figure.add_vline(x=limit.value, line=line)
    elif limit.measure.place == shown.y.place:
        figure.add_hline(y=limit.value, line=line)


def _symbols(points: Points) -> int | list[int]:
    """Scores from memory are hollow."""
    if not points.from_memory_K.any():
        return CIRCLE
    return [HOLLOW if recalled else CIRCLE for recalled in points.from_memory_K]


def _axis(measure: Measure, letter: str, shown: Picture) -> dict[str, Any]:
    groups = (shown.front, shown.dominated, shown.infeasible, shown.screened)
    values = np.concatenate([part.x_K if letter == "x" else part.y_K for part in groups])
    axis: dict[str, Any] = {"title": {"text": axis_title(measure, letter)}, **ticks(values)}
    if letter in shown.logarithmic:
        axis["type"] = "log"
    if shown.box is not None:
        ends = _ends(shown.box, letter)
        axis["range"] = np.log10(ends).tolist() if letter in shown.logarithmic else list(ends)
    elif len(np.unique(values)) == 1 and letter not in shown.logarithmic:
        only = float(values[0])  # alone it would have the same number at every tick
        axis["range"] = [only - abs(only) / 10, only + abs(only) / 10] if only else [-1, 1]
    return axis


def _ends(box: Box, letter: str) -> tuple[float, float]:
    return box[:2] if letter == "x" else box[2:]


def _colour_axis(shown: Picture) -> dict[str, Any]:
    if shown.colour is None:
        return {"showscale": False}
    groups = (shown.front.colour_K, shown.dominated.colour_K)
    values = np.concatenate([group for group in groups if group is not None])
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, (2, 98)) if len(values) else (0.0, 1.0)
    return {
        "colorscale": SCALE,
        "cmin": float(low),
        "cmax": float(high),
        "colorbar": {
            "title": {"text": html.escape(shown.colour.title), "side": "right"},
            "thickness": 12,
            "tickformat": number_format(low, high, prefix_from=1e4),
        },
    }


def _pair(points: Points, row: int) -> str:
    return f"({wording.number(float(points.x_K[row]))}, {wording.number(float(points.y_K[row]))})"
