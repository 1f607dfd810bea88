"""The trials that came nearest to meeting every constraint, for a search in which none did."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search.events import Log, Trial
from search.objectives import Aim, misses
from search.spaces import Space

NUM_NEAREST = 3

Miss = dict[str, Any]  # JSON: violation, number, arch, misses (in words)


def nearest(known: list[Miss], trial: Trial, aims: Sequence[Aim]) -> list[Miss]:
    """The nearest misses after one more infeasible trial, the nearest first.

    Args:
        known: the nearest misses before it.
        trial: has a score for each of the aims.
        aims: what the search wants of its objectives.
    """
    worst = known[-1]["violation"] if len(known) == NUM_NEAREST else None
    if worst is not None and trial.violation >= worst:
        return known
    arch = list(trial.arch)
    if any(miss["arch"] == arch for miss in known):
        return known
    miss = {
        "violation": trial.violation,
        "number": trial.number,
        "arch": arch,
        "misses": misses(aims, trial.scores),
    }
    return sorted([*known, miss], key=_by_violation)[:NUM_NEAREST]


def warnings(known: Sequence[Miss], space: Space) -> Iterator[Log]:
    """What to tell people when nothing was feasible."""
    if not known:
        return
    yield Log("warning", "no architecture met every constraint; the nearest misses follow")
    for miss in known:
        name = space.encode(tuple(miss["arch"]))
        yield Log("warning", f"trial {miss['number']}, {name}: {miss['misses']}")


def _by_violation(miss: Mapping[str, Any]) -> tuple[float, int]:
    return miss["violation"], miss["number"]
