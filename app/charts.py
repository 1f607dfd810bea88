"""Numbers to Plotly figures: pure functions. Arrays go to the browser as float32, in binary.

Colours work on light and dark ground; every series differs by shape or dash as well.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app import wording
from app.front import BestSoFar, Box, Curve, Density, Picture, Points
from app.measures import Measure

VERMILION, BLUE, SKY, GREEN, GREY = "#D55E00", "#0072B2", "#56B4E9", "#009E73", "#808A94"
AMBER = "#E69F00"
RING = "#1E88D0"
DENSITY = [[0, "rgba(86,140,190,0.10)"], [1, "rgba(50,110,170,0.75)"]]
PLAIN_DENSITY = [[0, "rgba(128,138,148,0.10)"], [1, "rgba(110,120,130,0.55)"]]
SCALE = "Cividis"
CIRCLE, HOLLOW, CROSS = 0, 100, 4
FRONT_HEIGHT, TEAM_HEIGHT, SMALL_HEIGHT = 400, 290, 240

Numbers = NDArray[np.int32] | tuple[int, ...]

CONFIG = {
    "displaylogo": False,
    "scrollZoom": False,
    "doubleClick": "reset",
    "modeBarButtonsToRemove": ["autoScale2d", "toImage"],
}
STILL = {"displayModeBar": False, "staticPlot": False, "scrollZoom": False}


def front_chart(
    shown: Picture, chosen: Points | None = None, limits: Sequence["Limit"] = ()
) -> go.Figure:
    """The front of two objectives: the rest as a density, a sample and a step line."""
    selected = () if chosen is None else chosen.numbers_K
    figure = go.Figure()
    if shown.density is not None:
        figure.add_trace(_density(shown.density, shown))
    if len(shown.infeasible):
        figure.add_trace(_infeasible(shown, selected))
    if len(shown.dominated):
        figure.add_trace(_dominated(shown, selected))
    if len(shown.front):
        figure.add_trace(_steps(shown))
        figure.add_trace(_front(shown, selected))
    _mark_knee(figure, shown)
    if chosen is not None and len(chosen):
        figure.add_trace(_ring(chosen))
    for limit in limits:
        _draw_limit(figure, limit, shown)
    figure.update_layout(
        **_plain_layout(FRONT_HEIGHT),
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


def hypervolume_chart(curve: Curve, unit: str = "trials") -> go.Figure:
    """Hypervolume over the number of trials, as steps."""
    figure = go.Figure(
        go.Scatter(
            x=curve.trials_K,
            y=curve.volume_K,
            mode="lines",
            line={"shape": "hv", "color": VERMILION, "width": 2},
            fill="tozeroy",
            fillcolor="rgba(213,94,0,0.10)",
            hovertemplate="after %{x:,.0f} trials: %{y:.4~s}<extra></extra>",
        )
    )
    figure.update_layout(**_plain_layout(SMALL_HEIGHT), showlegend=False, dragmode="pan")
    figure.update_xaxes(title={"text": unit}, **_ticks(), rangemode="tozero")
    low = float(curve.volume_K.min(initial=0.0)) if len(curve.volume_K) else 0.0
    figure.update_yaxes(title={"text": "hypervolume"}, **_ticks(), rangemode="tozero")
    assert low >= 0, "a hypervolume is never negative"
    return figure


def hypervolume_alt(curve: Curve) -> str:
    """The chart in words."""
    return (
        f"Hypervolume over trials, rising to {wording.number(curve.last)} "
        f"with the reference point {', '.join(wording.number(v) for v in curve.reference)}."
    )


def best_chart(found: BestSoFar, measure: Measure) -> go.Figure:
    """Values of one measure over the trials, and the best so far as steps."""
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=found.numbers_K,
            y=found.values_K,
            mode="markers",
            name="trials",
            marker={"size": 5, "color": SKY, "opacity": 0.6},
            hovertemplate="trial %{x}: %{y:.4~s}<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=found.best_numbers_J,
            y=found.best_J,
            mode="lines+markers",
            name="best so far",
            line={"shape": "hv", "color": VERMILION, "width": 2},
            marker={"size": 7},
            hoverinfo="skip",
        )
    )
    figure.update_layout(
        **_plain_layout(FRONT_HEIGHT),
        dragmode="pan",
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
    )
    figure.update_xaxes(title={"text": "trial"}, **_ticks())
    figure.update_yaxes(title={"text": _axis_title(measure, "y")}, **_ticks())
    return figure


@dataclass(frozen=True)
class Contribution:
    """What one search puts on the team's front."""

    name: str
    is_new: bool
    x_K: NDArray[np.float64]
    y_K: NDArray[np.float64]
    arch_ids: Sequence[str]


def team_chart(contributions: Sequence[Contribution], x: Measure, y: Measure) -> go.Figure:
    """The union of the fronts of many searches; the newest contributions are lit."""
    figure = go.Figure()
    figure.add_trace(_union_steps(contributions, x))
    for is_new, name in ((False, "older searches"), (True, "last 7 days")):
        parts = [part for part in contributions if part.is_new is is_new]
        if parts:
            figure.add_trace(_contributed(parts, name, is_new=is_new))
    figure.update_layout(
        **_plain_layout(TEAM_HEIGHT),
        dragmode="pan",
        clickmode="event+select",
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
    )
    figure.update_xaxes(title={"text": _axis_title(x, "x")}, **_ticks())
    figure.update_yaxes(title={"text": _axis_title(y, "y")}, **_ticks())
    return figure


def standing_chart(values_K: NDArray[np.float32], value: float, measure: Measure) -> go.Figure:
    """Where one value stands among many: a histogram with a line."""
    counts, edges = np.histogram(values_K, bins=40)
    centres = ((edges[1:] + edges[:-1]) / 2).astype(np.float32)
    figure = go.Figure(
        go.Bar(
            x=centres,
            y=counts.astype(np.float32),
            marker={"color": SKY, "line": {"width": 0}},
            hovertemplate="about %{x:.4~s}: %{y:,.0f} trials<extra></extra>",
        )
    )
    figure.add_vline(x=float(value), line={"color": VERMILION, "width": 2.5})
    figure.update_layout(**_plain_layout(150), bargap=0.02, showlegend=False, dragmode=False)
    figure.update_xaxes(title={"text": html.escape(measure.title)}, **_ticks())
    figure.update_yaxes(visible=False)
    return figure


def metric_chart(steps: Sequence[int], values: Sequence[float | None], name: str) -> go.Figure:
    """A value of a run over its steps."""
    kept = np.linspace(0, len(steps) - 1, min(len(steps), 1000)).astype(int)
    drawn = np.array([np.nan if v is None else v for v in values], np.float32)[kept]
    figure = go.Figure(
        go.Scatter(
            x=np.asarray(steps, np.float32)[kept],
            y=drawn,
            mode="lines",
            line={"color": BLUE, "width": 2},
            hovertemplate="step %{x:,.0f}: %{y:.4~s}<extra></extra>",
        )
    )
    figure.update_layout(**_plain_layout(SMALL_HEIGHT), showlegend=False, dragmode="pan")
    figure.update_xaxes(title={"text": "step"}, **_ticks())
    figure.update_yaxes(title={"text": html.escape(name)}, **_ticks())
    return figure


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
    hover = f"{html.escape(shown.x.name)} %{{x:.4~s}}<br>{html.escape(shown.y.name)} %{{y:.4~s}}"
    if hue and points.colour_K is not None and shown.colour is not None:
        marker = {**marker, "color": points.colour_K, "coloraxis": "coloraxis"}
        hover += f"<br>{html.escape(shown.colour.name)} %{{marker.color:.4~s}}"
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


def _finite_on(
    points: Points, logarithmic: frozenset[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
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


def _ring(chosen: Points) -> go.Scatter:
    """Around what is selected, also where the sample left it out; clicks go through it."""
    return go.Scatter(
        x=chosen.x_K,
        y=chosen.y_K,
        mode="markers",
        name="selected",
        marker={"symbol": "circle-open", "size": 17, "color": RING, "line": {"width": 3}},
        hoverinfo="skip",
    )


def _draw_limit(figure: go.Figure, limit: Limit, shown: Picture) -> None:
    line = {"color": GREEN, "dash": "dash", "width": 1.8}
    if limit.measure.place == shown.x.place:
        figure.add_vline(x=limit.value, line=line)
    elif limit.measure.place == shown.y.place:
        figure.add_hline(y=limit.value, line=line)


def _union_steps(contributions: Sequence[Contribution], x: Measure) -> go.Scatter:
    x_K = np.concatenate([part.x_K for part in contributions] or [np.empty(0)])
    y_K = np.concatenate([part.y_K for part in contributions] or [np.empty(0)])
    order = np.argsort(x_K, kind="stable")
    return go.Scatter(
        x=x_K[order].astype(np.float32),
        y=y_K[order].astype(np.float32),
        mode="lines",
        line={
            "shape": "hv" if x.direction == "minimize" else "vh",
            "color": VERMILION,
            "width": 1.4,
        },
        hoverinfo="skip",
        showlegend=False,
    )


def _contributed(parts: Sequence[Contribution], name: str, *, is_new: bool) -> go.Scatter:
    return go.Scatter(
        x=np.concatenate([part.x_K for part in parts]).astype(np.float32),
        y=np.concatenate([part.y_K for part in parts]).astype(np.float32),
        mode="markers",
        name=name,
        customdata=[arch_id for part in parts for arch_id in part.arch_ids],
        text=[html.escape(part.name) for part in parts for _ in part.arch_ids],
        hovertemplate="%{text}<br>%{x:.4~s}, %{y:.4~s}<extra></extra>",
        marker={
            "symbol": "star" if is_new else "circle",
            "size": 11 if is_new else 8,
            "color": VERMILION if is_new else SKY,
            "line": {"width": 1, "color": VERMILION},
        },
        unselected={"marker": {"opacity": 1}},
    )


def _symbols(points: Points) -> int | list[int]:
    """Scores from memory are hollow."""
    if not points.from_memory_K.any():
        return CIRCLE
    return [HOLLOW if recalled else CIRCLE for recalled in points.from_memory_K]


def _axis(measure: Measure, letter: str, shown: Picture) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": {"text": _axis_title(measure, letter)}, **_ticks()}
    if letter in shown.logarithmic:
        axis["type"] = "log"
    if shown.box is not None:
        ends = _ends(shown.box, letter)
        axis["range"] = np.log10(ends).tolist() if letter in shown.logarithmic else list(ends)
    return axis


def _ends(box: Box, letter: str) -> tuple[float, float]:
    return box[:2] if letter == "x" else box[2:]


def _axis_title(measure: Measure, letter: str) -> str:
    """Name, unit, and an arrow towards the better end."""
    is_low = measure.direction == "minimize"
    name = html.escape(measure.title)
    if letter == "x":
        return f"&#8592; better  |  {name}" if is_low else f"{name}  |  better &#8594;"
    return f"&#8592; better  |  {name}" if is_low else f"{name}  |  better &#8594;"


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
            "tickformat": "~s",
        },
    }


def _plain_layout(height: int) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 10, "r": 10, "t": 34 if height > SMALL_HEIGHT else 12, "b": 10},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }


def _ticks() -> dict[str, Any]:
    return {
        "tickformat": "~s",
        "automargin": True,
        "showgrid": True,
        "gridcolor": "rgba(128,138,148,0.22)",
        "zeroline": False,
    }


def _pair(points: Points, row: int) -> str:
    return f"({wording.number(float(points.x_K[row]))}, {wording.number(float(points.y_K[row]))})"
