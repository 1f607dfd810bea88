"""Values over trials or steps."""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app import wording
from app.charts._style import (
    BLUE,
    FRONT_HEIGHT,
    SKY,
    SMALL_HEIGHT,
    VERMILION,
    axis_title,
    plain_layout,
    ticks,
)
from app.front import BestSoFar, Curve
from app.measures import Measure


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
    figure.update_layout(**plain_layout(SMALL_HEIGHT), showlegend=False, dragmode="pan")
    figure.update_xaxes(title={"text": unit}, **ticks(), rangemode="tozero")
    low = float(curve.volume_K.min(initial=0.0)) if len(curve.volume_K) else 0.0
    figure.update_yaxes(title={"text": "hypervolume"}, **ticks(), rangemode="tozero")
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
        **plain_layout(FRONT_HEIGHT),
        dragmode="pan",
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
    )
    figure.update_xaxes(title={"text": "trial"}, **ticks())
    figure.update_yaxes(title={"text": axis_title(measure, "y")}, **ticks())
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
    figure.update_layout(**plain_layout(SMALL_HEIGHT), showlegend=False, dragmode="pan")
    figure.update_xaxes(title={"text": "step"}, **ticks())
    figure.update_yaxes(title={"text": html.escape(name)}, **ticks())
    return figure
