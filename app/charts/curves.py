"""Values over trials or steps."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app import wording
from app.charts._style import (
    BLUE,
    FRONT_HEIGHT,
    SKY,
    SMALL_HEIGHT,
    VERMILION,
    axis_title,
    hover_format,
    plain_layout,
    ring,
    ticks,
)
from app.drawn import Drawn, drawn, thinned
from app.front import BestSoFar, Curve
from app.measures import Measure


def hypervolume_chart(curve: Curve, unit: str = "trials") -> go.Figure:
    """Hypervolume over the number of trials, as steps."""
    trials_K, volume_K = curve.steps
    written = hover_format(volume_K)
    figure = go.Figure(
        go.Scatter(
            x=trials_K,
            y=volume_K,
            mode="lines",
            line={"shape": "hv", "color": VERMILION, "width": 2},
            fill="tozeroy",
            fillcolor="rgba(213,94,0,0.10)",
            hovertemplate=f"after %{{x:,.0f}} trials: %{{y:{written}}}<extra></extra>",
        )
    )
    figure.update_layout(**plain_layout(SMALL_HEIGHT), showlegend=False, dragmode="pan")
    figure.update_xaxes(title={"text": unit}, **ticks(trials_K), rangemode="tozero")
    low = float(volume_K.min(initial=0.0))
    figure.update_yaxes(title={"text": "hypervolume"}, **ticks(volume_K), rangemode="tozero")
    assert low >= 0, "a hypervolume is never negative"
    return figure


def hypervolume_alt(curve: Curve) -> str:
    """The chart in words."""
    return (
        f"Hypervolume over trials, rising to {wording.number(curve.last)} "
        f"with the reference point {', '.join(wording.number(v) for v in curve.reference)}."
    )


def best_chart(
    found: BestSoFar, measure: Measure, chosen: Mapping[int, float] | None = None
) -> go.Figure:
    """Values of one measure over the trials, and the best so far as steps.

    Args:
        found: the values.
        measure: whose they are.
        chosen: values of the selected trials by number.
    """
    figure = go.Figure()
    trials = _clickable(found.numbers_K, found.values_K, "trials")
    figure.add_trace(trials.update(marker={"size": 5.5, "color": SKY, "opacity": 0.65}))
    figure.add_trace(
        go.Scatter(
            x=np.append(found.best_numbers_J, found.last),
            y=np.append(found.best_J, found.best_J[-1:]),
            mode="lines",
            line={"shape": "hv", "color": VERMILION, "width": 2},
            hoverinfo="skip",
            showlegend=False,
            name="best line",
        )
    )
    best = _clickable(found.best_numbers_J, found.best_J, "best so far")
    figure.add_trace(best.update(marker={"size": 9, "color": VERMILION}))
    if chosen:
        figure.add_trace(ring(list(chosen), list(chosen.values())))
    figure.update_layout(
        **plain_layout(FRONT_HEIGHT),
        dragmode="pan",
        clickmode="event+select",
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
    )
    figure.update_xaxes(title={"text": "trial"}, **ticks(found.numbers_K))
    y_ticks = ticks(found.values_K)
    figure.update_yaxes(title={"text": axis_title(measure, "y")}, **y_ticks)
    return figure


def _clickable(numbers_K: NDArray[np.int32], values_K: Drawn, name: str) -> go.Scatter:
    """Trials as points; the ring says which are selected, so that none fades."""
    return go.Scatter(
        x=numbers_K,
        y=values_K,
        mode="markers",
        name=name,
        customdata=numbers_K,
        hovertemplate=f"trial %{{x}}: %{{y:{hover_format(values_K)}}}<extra></extra>",
        unselected={"marker": {"opacity": 0.65}},
    )


def metric_chart(steps: Sequence[int], values: Sequence[float | None], name: str) -> go.Figure:
    """A value of a run over its steps."""
    kept = thinned(len(steps), 1000)
    shown = drawn([np.nan if v is None else v for v in values])[kept]
    figure = go.Figure(
        go.Scatter(
            x=np.asarray(steps, np.float32)[kept],
            y=shown,
            mode="lines",
            line={"color": BLUE, "width": 2},
            hovertemplate=f"step %{{x:,.0f}}: %{{y:{hover_format(shown)}}}<extra></extra>",
        )
    )
    figure.update_layout(**plain_layout(SMALL_HEIGHT), showlegend=False, dragmode="pan")
    figure.update_xaxes(title={"text": "step"}, **ticks(steps))
    figure.update_yaxes(title={"text": html.escape(name)}, **ticks(shown))
    return figure
