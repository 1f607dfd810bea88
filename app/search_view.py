"""What the page of one search shows, and how its address spells that: defaults left out."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.front import Box
from app.measures import Measure

MAX_SELECTED = 12
Limits = Mapping[int, tuple[float | None, float | None]]


@dataclass(frozen=True)
class SearchView:
    """The parts of a view that no widget holds.

    Attributes:
        selected: numbers of trials.
        box: the range that is looked at.
        limits: lowest and highest value by place of the objective.
        reference: of the hypervolume, as typed; None for the default.
    """

    selected: tuple[int, ...] = ()
    box: Box | None = None
    limits: Limits = field(default_factory=dict)
    reference: tuple[float, float] | None = None


def read(query: Mapping[str, str], measures: Iterable[Measure]) -> SearchView:
    """Read an address; what makes no sense is left out."""
    box = _numbers(query.get("range", ""), 4)
    reference = _numbers(query.get("ref", ""), 2)
    return SearchView(
        selected=_selected(query.get("trials", "")),
        box=(box[0], box[1], box[2], box[3]) if box and _is_box(box) else None,
        limits=_limits(query.get("limits", ""), {m.name: m for m in measures}),
        reference=(reference[0], reference[1]) if reference else None,
    )


def trials_text(numbers: Iterable[int]) -> str:
    """How an address spells a selection."""
    return ",".join(str(number) for number in list(dict.fromkeys(numbers))[:MAX_SELECTED])


def numbers_text(numbers: Iterable[float]) -> str:
    """How an address spells a range or a reference point: six digits are enough for both."""
    return ",".join(_short(number) for number in numbers)


def limits_text(limits: Limits, measures: Iterable[Measure]) -> str:
    """How an address spells limits, such as ``macs:1.2e8``.

    With all their digits: a limit is often the value of a trial, which must not miss it.
    """
    names = {measure.place: measure.name for measure in measures}
    bounds = {place: low if high is None else high for place, (low, high) in limits.items()}
    return ",".join(
        f"{names[place]}:{_exact(bound)}" for place, bound in bounds.items() if bound is not None
    )


def limit(measure: Measure, bound: float) -> tuple[float | None, float | None]:
    """A bound on the worse side: highest where lower is better, lowest where higher is."""
    return (None, bound) if measure.direction == "minimize" else (bound, None)


def _short(number: float) -> str:
    """Six digits, and no plus sign: it means a blank in an address."""
    return f"{number:.6g}".replace("e+0", "e").replace("e+", "e")


def _exact(number: float) -> str:
    short = _short(number)
    return short if float(short) == number else repr(number).replace("e+", "e")


def _selected(text: str) -> tuple[int, ...]:
    numbers = [int(part) for part in text.split(",") if part.isascii() and part.isdigit()]
    return tuple(dict.fromkeys(n for n in numbers if n < 2**31))[:MAX_SELECTED]


def _limits(text: str, measures: Mapping[str, Measure]) -> Limits:
    limits = {}
    for part in filter(None, text.split(",")):
        name, _, bound = part.rpartition(":")
        numbers = _numbers(bound, 1)
        if name in measures and numbers:
            limits[measures[name].place] = limit(measures[name], numbers[0])
    return limits


def _numbers(text: str, num: int) -> list[float] | None:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return None
    return numbers if len(numbers) == num and all(map(math.isfinite, numbers)) else None


def _is_box(numbers: list[float]) -> bool:
    return numbers[0] < numbers[1] and numbers[2] < numbers[3]
