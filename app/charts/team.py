"""The union of the fronts of many searches."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.charts._style import (
    SKY,
    TEAM_HEIGHT,
    VERMILION,
    axis_title,
    hover_format,
    plain_layout,
    ticks,
)
from app.drawn import drawn
from app.measures import Measure


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
        **plain_layout(TEAM_HEIGHT),
        dragmode="pan",
        clickmode="event+select",
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
    )
    x_ticks = ticks(*(part.x_K for part in contributions))
    y_ticks = ticks(*(part.y_K for part in contributions))
    figure.update_xaxes(title={"text": axis_title(x, "x")}, **x_ticks)
    figure.update_yaxes(title={"text": axis_title(y, "y")}, **y_ticks)
    return figure


def _union_steps(contributions: Sequence[Contribution], x: Measure) -> go.Scatter:
    x_K = np.concatenate([part.x_K for part in contributions] or [np.empty(0)])
    y_K = np.concatenate([part.y_K for part in contributions] or [np.empty(0)])
    order = np.argsort(x_K, kind="stable")
    return go.Scatter(
        x=drawn(x_K[order]),
        y=drawn(y_K[order]),
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
    x_K = drawn(np.concatenate([part.x_K for part in parts]))
    y_K = drawn(np.concatenate([part.y_K for part in parts]))
    return go.Scatter(
        x=x_K,
        y=y_K,
        mode="markers",
        name=name,
        customdata=[arch_id for part in parts for arch_id in part.arch_ids],
        text=[html.escape(part.name) for part in parts for _ in part.arch_ids],
        hovertemplate=(
            f"%{{text}}<br>%{{x:{hover_format(x_K)}}}, %{{y:{hover_format(y_K)}}}<extra></extra>"
        ),
        marker={
            "symbol": "star" if is_new else "circle",
            "size": 11 if is_new else 8,
            "color": VERMILION if is_new else SKY,
            "line": {"width": 1, "color": VERMILION},
        },
        unselected={"marker": {"opacity": 1}},
    )
