"""What all charts have in common: colours, sizes, grids, the words on an axis.

Colours work on light and dark ground; every series differs by shape or dash as well.
"""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from app.measures import Measure

VERMILION, BLUE, SKY, GREEN, GREY = "#D55E00", "#0072B2", "#56B4E9", "#009E73", "#808A94"
AMBER, PURPLE = "#E69F00", "#CC79A7"
RING = "#1E88D0"
SCALE = "Cividis"
NO_PREFIX = 1e15  # and larger
CIRCLE, HOLLOW, CROSS = 0, 100, 4
FRONT_HEIGHT, TEAM_HEIGHT, SMALL_HEIGHT = 400, 290, 240

CONFIG = {
    "displaylogo": False,
    "scrollZoom": False,
    "doubleClick": "reset",
    "modeBarButtonsToRemove": ["autoScale2d", "toImage"],
}
STILL = {"displayModeBar": False, "staticPlot": False, "scrollZoom": False}


def plain_layout(height: int) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 10, "r": 10, "t": 34 if height > SMALL_HEIGHT else 12, "b": 10},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }


def ticks(*values: ArrayLike) -> dict[str, Any]:
    """An axis, its numbers written for these values."""
    return {
        "tickformat": number_format(*values, prefix_from=1e4),
        "automargin": True,
        "showgrid": True,
        "gridcolor": "rgba(128,138,148,0.22)",
        "zeroline": False,
    }


def hover_format(*values: ArrayLike) -> str:
    """Four digits, in the way of :func:`app.wording.number`."""
    return number_format(*values, prefix_from=1e6, digits=".4")


def number_format(*values: ArrayLike, prefix_from: float, digits: str = "") -> str:
    """How d3 writes these values: only large ones with a prefix, for nobody reads 30m as 0.03.

    The largest have a power of ten instead, as in tables: nobody reads 1500000Y either.

    Args:
        values: what is written; without any it is taken for large.
        prefix_from: the size that is written as 10k.
        digits: how many are significant, as d3 has it.
    """
    sizes = [np.abs(np.asarray(part, np.float64).ravel()) for part in values]
    finite = [part[np.isfinite(part)] for part in sizes]
    largest = max((float(part.max()) for part in finite if len(part)), default=np.inf)
    if NO_PREFIX <= largest < np.inf:
        return f"{digits}~e"
    if largest >= prefix_from:
        return f"{digits}~s"
    return f",{digits}~r" if largest >= 1e-3 or largest == 0 else f"{digits}~g"


def ring(
    x_K: NDArray[np.number] | Sequence[float], y_K: NDArray[np.number] | Sequence[float]
) -> go.Scatter:
    """Around what is selected, also where a sample left it out; clicks go through it."""
    return go.Scatter(
        x=x_K,
        y=y_K,
        mode="markers",
        name="selected",
        marker={"symbol": "circle-open", "size": 17, "color": RING, "line": {"width": 3}},
        hoverinfo="skip",
    )


def axis_title(measure: Measure, letter: str) -> str:
    """Name, unit, and an arrow towards the better end."""
    is_low = measure.direction == "minimize"
    name = html.escape(measure.title)
    if letter == "x":
        return f"&#8592; better  |  {name}" if is_low else f"{name}  |  better &#8594;"
    return f"&#8592; better  |  {name}" if is_low else f"{name}  |  better &#8594;"
