"""Conditions on trials as people write them: ``nwot>=1200, macs<=1e8``. A grammar, no code."""

import math
import re
from collections.abc import Sequence

from db.trials import TRIAL_STATES, TrialFilter
from search.errors import SpecError

_CONDITION = re.compile(r"^\s*([A-Za-z][A-Za-z0-9_.\-]*)\s*(<=|>=)\s*(\S+)\s*$")


def trial_filter(
    names: Sequence[str], *, states: Sequence[str] = (), where: str = "", text: str = ""
) -> TrialFilter:
    """Read what narrows a table of trials.

    Args:
        names: of the objectives, in the order of the spec.
        states: of trials.
        where: conditions, separated by commas; all of them hold.
        text: part of an architecture's text.

    Raises:
        SpecError: a state or a condition is not understood.
    """
    for state in states:
        if state not in TRIAL_STATES:
            raise SpecError({"state": f"{state} is not one of {', '.join(TRIAL_STATES)}"})
    return TrialFilter(states=tuple(states), ranges=_ranges(names, where), text=text.strip())


def _ranges(names: Sequence[str], where: str) -> dict[int, tuple[float | None, float | None]]:
    ranges: dict[int, tuple[float | None, float | None]] = {}
    for condition in filter(str.strip, where.split(",")):
        place, sign, bound = _condition(names, condition)
        low, high = ranges.get(place, (None, None))
        if sign == ">=":
            ranges[place] = (bound if low is None else max(low, bound), high)
        else:
            ranges[place] = (low, bound if high is None else min(high, bound))
    return ranges


def _condition(names: Sequence[str], condition: str) -> tuple[int, str, float]:
    match = _CONDITION.match(condition)
    if match is None:
        raise SpecError({"where": f"{condition.strip()} is not like nwot>=1200 or macs<=1e8"})
    name, sign, number = match.groups()
    if name not in names:
        raise SpecError({"where": f"there is no objective {name}; choose of {', '.join(names)}"})
    try:
        bound = float(number)
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise SpecError({"where": f"{number} is not a number"})
    return names.index(name), sign, bound
