"""Aggregates as further measures of a search: made of its columns anew, never stored."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from app.measures import Measure
from db.columns import NO_SCORE, SCORE_STATUSES
from db.trials import Columns
from search.aggregates import aggregates, combination_of
from search.aggregation import aggregate, possible
from search.correlation import Column
from search.events import ScoreStatus
from search.traits import Direction

WEIGHTED = "weighted"
NO_PROXY = ("cost", "table", "standalone")


@dataclass(frozen=True)
class Part:
    """An objective that an aggregate is made of."""

    component: str
    place: int
    direction: Direction


@dataclass(frozen=True)
class Mixture(Measure):
    """An aggregate as a measure.

    Attributes:
        parts: what it is made of.
        weights: of the parts, for ``weighted``; empty for 1 each.
    """

    parts: tuple[Part, ...] = ()
    weights: tuple[float, ...] = ()


def available(measures: Sequence[Measure]) -> tuple[str, ...]:
    """Names of the aggregates that a search has the scores for."""
    return tuple(possible({one.name: one.metric for one in proxies(measures)}))


def proxies(measures: Sequence[Measure]) -> list[Measure]:
    """The measures that aggregates are made of: neither costs nor what proxies should predict."""
    return [one for one in measures if one.kind not in NO_PROXY and not isinstance(one, Mixture)]


def mixtures(
    measures: Sequence[Measure], names: Sequence[str], weights: Mapping[str, float] | None = None
) -> tuple[Mixture, ...]:
    """These aggregates as measures behind those of the search; impossible ones are left out."""
    by_name = {one.name: one for one in proxies(measures)}
    found = possible({name: one.metric for name, one in by_name.items()})
    made: list[Mixture] = []
    for name in dict.fromkeys(name for name in names if name in found):
        parts = tuple(
            Part(component, by_name[objective].place, by_name[objective].direction)
            for component, objective in found[name].items()
        )
        given = tuple((weights or {}).get(part.component, 1.0) for part in parts)
        made.append(
            Mixture(
                place=len(measures) + len(made),
                name=name,
                metric=name,
                direction="maximize",
                kind="aggregate",
                note="ours" if combination_of(aggregates[name]).evidence == "ours" else "",
                parts=parts,
                weights=given if name == WEIGHTED and any(given) else (),
            )
        )
    return tuple(made)


def widened(columns: Columns, made: Sequence[Mixture]) -> Columns:
    """The columns with one more for each aggregate; every architecture counts once in ranks."""
    if not made or not len(columns):
        return columns
    arch_N = np.unique(columns.arch_ids, return_inverse=True)[1]
    mixed = [_mixed(columns, one, arch_N) for one in made]
    codes = {status: code for code, status in enumerate(SCORE_STATUSES)}
    values = np.stack([one.values_N[arch_N] for one in mixed], axis=1)
    statuses = np.stack(
        [np.array([codes[s] for s in one.statuses_N], np.int8)[arch_N] for one in mixed], axis=1
    )
    return replace(
        columns,
        values=np.concatenate([columns.values, values], axis=1),
        statuses=np.concatenate([columns.statuses, statuses], axis=1),
        from_memory=np.concatenate([columns.from_memory, np.zeros_like(values, np.bool_)], axis=1),
        objectives=(*columns.objectives, *(one.name for one in made)),
    )


def num_archs(columns: Columns, one: Mixture) -> int:
    """Over how many architectures the aggregate ranks."""
    has_value_N = columns.statuses[:, one.place] == 0
    return len(np.unique(columns.arch_ids[has_value_N]))


def weights_text(weights: Mapping[str, float]) -> str:
    """How an address spells weights; those of 1 are left out."""
    return ",".join(f"{name}:{weight:g}" for name, weight in weights.items() if weight != 1)


def read_weights(text: str) -> dict[str, float]:
    """Read an address; what makes no sense is left out."""
    found = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.rpartition(":")
        try:
            weight = float(number)
        except ValueError:
            continue
        if name and math.isfinite(weight) and 0 <= weight <= 1000:
            found[name] = weight
    return found


def _mixed(columns: Columns, one: Mixture, arch_N: np.ndarray) -> Column:
    parts = {part.component: _part(columns, part, arch_N) for part in one.parts}
    params = {"weights": one.weights} if one.weights else {}
    return aggregate(one.metric, parts, params=params)


def _part(columns: Columns, part: Part, arch_N: np.ndarray) -> Column:
    """Of several trials of an arch the first that has a value, else the first with a score.

    One that was screened has scores in a later trial that its first lacks.
    """
    codes_N = columns.statuses[:, part.place]
    lacks_N = np.where(codes_N == NO_SCORE, len(SCORE_STATUSES), codes_N)
    order = np.lexsort((lacks_N, arch_N))
    rows_U = order[np.unique(arch_N[order], return_index=True)[1]]
    return Column(columns.values[rows_U, part.place], _statuses(codes_N[rows_U]), part.direction)


def _statuses(codes: np.ndarray) -> list[ScoreStatus]:
    names = [SCORE_STATUSES[code] if code >= 0 else "not_applicable" for code in codes.tolist()]
    return cast(list[ScoreStatus], names)
