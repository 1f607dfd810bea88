"""Numbers to Plotly figures: pure functions. Arrays go to the browser in binary."""

from app.charts._style import (
    AMBER,
    BLUE,
    CIRCLE,
    CONFIG,
    FRONT_HEIGHT,
    GREEN,
    GREY,
    HOLLOW,
    SKY,
    SMALL_HEIGHT,
    STILL,
    TEAM_HEIGHT,
    VERMILION,
    number_format,
)
from app.charts.board import (
    agreement_alt,
    agreement_chart,
    matrix_alt,
    matrix_chart,
    ranks_alt,
    ranks_chart,
)
from app.charts.control import control_alt, control_chart
from app.charts.curves import (
    best_chart,
    hypervolume_alt,
    hypervolume_chart,
    metric_chart,
)
from app.charts.front import Limit, front_alt, front_chart
from app.charts.team import Contribution, team_chart

__all__ = [
    "AMBER",
    "BLUE",
    "CIRCLE",
    "CONFIG",
    "FRONT_HEIGHT",
    "GREEN",
    "GREY",
    "HOLLOW",
    "SKY",
    "SMALL_HEIGHT",
    "STILL",
    "TEAM_HEIGHT",
    "VERMILION",
    "Contribution",
    "Limit",
    "agreement_alt",
    "agreement_chart",
    "best_chart",
    "control_alt",
    "control_chart",
    "front_alt",
    "front_chart",
    "hypervolume_alt",
    "hypervolume_chart",
    "matrix_alt",
    "matrix_chart",
    "metric_chart",
    "number_format",
    "ranks_alt",
    "ranks_chart",
    "team_chart",
]
