"""What the training of a supernet tells of itself, as panels: which series belong together.

Known by the names that runs give their metrics and snapshots; what has another name gets a panel
of its own, so that a recipe shows whatever it reports.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from app import wording
from app.drawn import Drawn, drawn, thinned

Series = Sequence[tuple[int, float | None]]

MAX_POINTS = 1_000
MAX_COLUMNS = 400  # steps of a heat map
MAX_ROWS = 40
STRIDES = 20
# Families of series that are drawn together: the first word of their names, title and unit.
FAMILIES = {
    "loss": ("Loss", ""),
    "accuracy": ("Accuracy of subnets", "%"),
    "uncalibrated": ("Accuracy, not calibrated", "%"),
    "variance": ("Variance of gradients", ""),
    "weight": ("Weight of the loss", ""),
    "rate": ("Learning rate times weight", ""),
    "branch": ("Share of the branches", ""),
    "divergence": ("Divergence from the largest", "nats"),
}
TITLES = {
    "learning rate": "Learning rate",
    "images per second": "Images per second",
    "gradient norm": "Norm of the gradient",
    "greatest gradient": "Greatest entry of the gradient",
    "clipped entries": "Share of entries cut off",
    "gap": "Largest less smallest, in %",
    "routing entropy": "Evenness of the routing",
    "routing distance": "Distance of routings",
    "generated norm": "Norm of generated kernels",
}
ABOUT = {
    "uncalibrated": "With the statistics of the largest subnet's norms instead of their own.",
    "variance": "Trace of the covariance over batches at fixed weights: as operations and images "
    "are drawn now, and if all were drawn alike.",
    "rate": "The learning rate that subnets have in effect.",
}
# Of methods' own logs: title, and what is to be known of it.
LOGS = {
    "probabilities": ("Probability of each operation", ""),
    "effective_share": (
        "Effective share of images",
        "1 / sum(Q^2) over the number of images, where Q are the probabilities by which images "
        "are drawn: 1 where all are drawn alike.",
    ),
    "probability_quantiles": (
        "Probability times images",
        "Quantiles of the probabilities by which images are drawn, times their number: 1 is "
        "uniform.",
    ),
    "shares": ("Share of the steps for each bin of costs", "Costs are shares of the largest."),
    "counts": (
        "Subnets trained so far, by their cost",
        "The histogram of the costs that were drawn, as it grows.",
    ),
    "cost_errors": (
        "Cost missed by picks",
        "|cost - C| / C of the architecture that the method takes for each cost C.",
    ),
    "draw_errors": ("Cost missed by draws", "The same of the mean cost of draws for C."),
    "accuracy_of_picks": (
        "Accuracy of picks (%)",
        "Of the architecture that the method takes for each cost, on held-out images.",
    ),
    "epsilon": ("Weight of subnets", "Epsilon: 0 until the subnets join."),
    "epsilon_times_rate": ("Rate of subnets", "Epsilon times the learning rate."),
    "entropy": (
        "Evenness of the routing by layer",
        "1 where all experts are used alike, 0 where one is used alone.",
    ),
    "distances": (
        "Distance between routings by layer",
        "The mean over pairs of probes: 0 where experts are mixed alike whatever the "
        "architecture, 1 where two have none in common.",
    ),
}
DISTRIBUTIONS = ("probabilities", "shares")  # whose parts make 1 together
LINED = ("probability_quantiles", "cost_errors", "draw_errors", "accuracy_of_picks")
MOST_LINES = 6  # that can be told apart; more are rows of a heat map
GAP = "gap"  # between the largest and the smallest
STILL = ("arch", "targets")  # in a log, but no values over the training
MARKED = ("loss", "accuracy", GAP)
ORDER = (
    "loss",
    "accuracy",
    GAP,
    "uncalibrated",
    *(name for name in TITLES),
    "weight",
    "rate",
    "branch",
    "divergence",
)


@dataclass(frozen=True, eq=False)
class Line:
    """One series: values at steps, nan for what was not finite."""

    name: str
    steps_K: Drawn
    values_K: Drawn


@dataclass(frozen=True, eq=False)
class Panel:
    """Series with one axis.

    Attributes:
        about: what is to be known of it; empty where its title says all.
        marks: steps at which something began, and what.
    """

    key: str
    title: str
    unit: str
    lines: tuple[Line, ...]
    about: str = ""
    marks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Heat:
    """Shares or counts over the training: a row for each name, a column for each step.

    Attributes:
        uniform: the share of each if all were alike; None where that is not known.
    """

    title: str
    names: tuple[str, ...]
    steps_S: Drawn
    values_NS: Drawn
    about: str = ""
    uniform: float | None = None


@dataclass(frozen=True, eq=False)
class MethodLog:
    """What the method itself tells.

    Attributes:
        heats: of what has several parts.
        panels: of single numbers.
        is_reconstruction: the method had to be reconstructed.
    """

    heats: tuple[Heat, ...]
    panels: tuple[Panel, ...]
    is_reconstruction: bool = False


def panels(metrics: Mapping[str, Series], *, in_strides: bool = False) -> tuple[Panel, ...]:
    """Group series; the usual ones first, in their order.

    The gap between the largest and the smallest subnet is a panel of its own. Where subnets join
    the training late, panels of subnets have a mark at that step.

    Args:
        metrics: steps and values by name.
        in_strides: only as many points as make whole strides of a twentieth. Streamlit mounts a
            chart anew whenever it has changed, which is seen: so a live one changes seldom.
    """
    grouped: dict[str, list[Line]] = {}
    for name, whole in {**metrics, **_gap(metrics)}.items():
        series = whole[: len(whole) - len(whole) % _stride(len(whole))] if in_strides else whole
        if series:
            grouped.setdefault(_family(name), []).append(_line(_within(name), series))
    found = sorted(grouped, key=lambda key: ORDER.index(key) if key in ORDER else len(ORDER))
    marks = _marks(metrics)
    made = (_panel(key, grouped[key]) for key in found)
    return tuple(replace(one, marks=marks) if one.key in MARKED else one for one in made)


def _gap(metrics: Mapping[str, Series]) -> dict[str, Series]:
    """How much better the largest subnet is than the smallest, at every look at both."""
    smallest = dict(metrics.get("accuracy smallest", ()))
    pairs = ((s, v, smallest.get(s)) for s, v in metrics.get("accuracy largest", ()))
    found = [(step, a - b) for step, a, b in pairs if a is not None and b is not None]
    return {GAP: found} if found else {}


def _marks(metrics: Mapping[str, Series]) -> tuple[tuple[int, str], ...]:
    """The step at which the others join the largest, where they do so later."""
    firsts = [series[0][0] for name, series in metrics.items() if name[:5] == "loss " and series]
    return ((max(firsts), "subnets join"),) if len(set(firsts)) > 1 else ()


def last_values(metrics: Mapping[str, Series]) -> tuple[int, dict[str, float]]:
    """The latest step, and the latest finite value of every series."""
    steps = [series[-1][0] for series in metrics.values() if series]
    values = {
        name: next((float(v) for _, v in reversed(series) if v is not None), float("nan"))
        for name, series in metrics.items()
    }
    return max(steps, default=0), {n: v for n, v in values.items() if np.isfinite(v)}


def method_log(snapshots: Sequence[tuple[int, Mapping[str, Any]]]) -> MethodLog:
    """What a method's own log is drawn as: shares as heat maps, single numbers as lines.

    Args:
        snapshots: steps and contents, in any order.
    """
    ordered = sorted(snapshots, key=lambda one: one[0])
    flat = [(step, dict(_parts(content))) for step, content in ordered]
    keys = list(dict.fromkeys(key for _, parts in flat for key in parts))
    heats, lines = [], []
    for key in keys:
        held = [(step, parts[key]) for step, parts in flat if key in parts]
        named = [(step, v) for step, v in held if isinstance(v, dict)]
        if key in LINED and named and len(named[-1][1]) <= MOST_LINES:
            lines.append(_panel(key, _lines(named)))
        elif named:
            heats.append(_heat(key, named))
        else:
            series = [(step, float(v)) for step, v in held if not isinstance(v, dict)]
            lines.append(_panel(key, [_line(key, series)]))
    is_reconstruction = any(content.get("is_reconstruction") for _, content in ordered)
    return MethodLog(tuple(heats), tuple(lines), is_reconstruction)


def numbers(panels: Sequence[Panel]) -> dict[str, list[object]]:
    """All series of panels as columns of one table, by step; None where a series has no point."""
    columns = {
        f"{wording.titled(panel.title, panel.unit)}: {line.name}"
        if len(panel.lines) > 1
        else wording.titled(panel.title, panel.unit): line
        for panel in panels
        for line in panel.lines
    }
    steps = sorted({float(step) for line in columns.values() for step in line.steps_K})
    found: dict[str, list[object]] = {"step": [int(step) for step in steps]}
    for name, line in columns.items():
        values = dict(zip(line.steps_K.tolist(), line.values_K.tolist(), strict=True))
        found[name] = [values.get(step) for step in steps]
    return found


def _stride(num: int) -> int:
    return max(1, num // STRIDES)


def _family(name: str) -> str:
    first = name.partition(" ")[0]
    return first if first in FAMILIES else name


def _within(name: str) -> str:
    """A series' name within its family: ``max`` for ``loss max``."""
    first, _, rest = name.partition(" ")
    return rest if first in FAMILIES and rest else name


def _panel(key: str, lines: Sequence[Line]) -> Panel:
    if key in LOGS:
        title, about = LOGS[key]
        return Panel(key, title, "", tuple(lines), about)
    title, unit = FAMILIES.get(key, (TITLES.get(key, _titled(key)), ""))
    return Panel(key, title, unit, tuple(lines), ABOUT.get(key, ""))


def _titled(key: str) -> str:
    words = key.replace("_", " ")
    return f"{words[:1].upper()}{words[1:]}"


def _lines(held: Sequence[tuple[int, Mapping[str, float]]]) -> list[Line]:
    """One for each name, where it is told."""
    names = dict.fromkeys(name for _, values in held for name in values)
    return [_line(name, [(s, v[name]) for s, v in held if name in v]) for name in names]


def _line(name: str, series: Series) -> Line:
    kept = thinned(len(series), MAX_POINTS)
    steps_K = drawn([series[k][0] for k in kept])
    values = [series[k][1] for k in kept]
    return Line(name, steps_K, drawn([np.nan if v is None else v for v in values]))


def _parts(content: Mapping[str, Any]) -> Iterable[tuple[str, float | dict[str, float]]]:
    """Numbers, and mappings or lists of numbers; the rest of a log is no series."""
    for key, value in content.items():
        if key in STILL:
            continue
        if _is_number(value):
            yield key, float(value)
        elif isinstance(value, Mapping) and value and all(map(_is_number, value.values())):
            yield key, {str(name): float(v) for name, v in value.items()}
        elif isinstance(value, list) and len(value) > 1 and all(map(_is_number, value)):
            names = _names(content, key)
            yield key, {name: float(v) for name, v in zip(names, value, strict=True)}


def _names(content: Mapping[str, Any], key: str) -> list[str]:
    """Names of the places of a list: the costs that the bins aim at, else their numbers."""
    values = content[key]
    targets = content.get("targets")
    if key != "targets" and isinstance(targets, list) and len(targets) == len(values):
        return [f"cost {float(target):.2f}" for target in targets]
    return [str(place + 1) for place in range(len(values))]


def _heat(key: str, held: Sequence[tuple[int, Mapping[str, float]]]) -> Heat:
    kept = [held[place] for place in thinned(len(held), MAX_COLUMNS)]
    every = list(dict.fromkeys(name for _, values in kept for name in values))
    names = every[:MAX_ROWS]
    values_NS = drawn([[values.get(name, np.nan) for _, values in kept] for name in names])
    steps_S = drawn([step for step, _ in kept])
    title, about = LOGS.get(key, (_titled(key), ""))
    uniform = 1 / len(every) if key in DISTRIBUTIONS else None
    return Heat(title, tuple(names), steps_S, values_NS, about, uniform)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
