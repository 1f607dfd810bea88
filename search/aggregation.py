"""Aggregates over the columns of a population, with a stated policy for undefined values."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from search.aggregates import aggregates, combination_of
from search.correlation import Column
from search.parameters import bind

Undefined = Literal["bottom", "left_out"]


def aggregate(
    name: str,
    columns: Mapping[str, Column],
    *,
    undefined: Undefined = "bottom",
    params: Mapping[str, Any] | None = None,
) -> Column:
    """Combine scores of the same N architectures; higher is better in what comes out.

    Args:
        name: of the aggregate.
        columns: by metric; an aggregate that declares its components takes those alone.
        undefined: an architecture with an undefined component ranks last in it (``bottom``), or
            has no aggregate (``left_out``). One whose component failed or is missing has none,
            and does not count in the ranks of the others.
        params: of the aggregate.

    Raises:
        KeyError: there is no such aggregate.
        ValueError: a component is not among the columns, or there is none at all.
        SpecError: a parameter is wrong.
    """
    combine = aggregates[name]
    wanted = combination_of(combine).components or tuple(columns)
    missing = [component for component in wanted if component not in columns]
    if missing or not wanted:
        raise ValueError(f"{name} needs {', '.join(missing) or 'at least one metric'}")
    used = [columns[component] for component in wanted]
    is_in_N = np.all(
        [c.has("ok") | (c.has("undefined") & (undefined == "bottom")) for c in used], axis=0
    )
    is_undefined_N = np.any([c.has("undefined") for c in used], axis=0) & ~is_in_N
    is_failed_N = np.any([c.has("failed") for c in used], axis=0)
    values_N = np.full(len(is_in_N), np.nan)
    if is_in_N.any():
        turned_NK = np.stack([column.turned_N[is_in_N] for column in used], axis=1)
        values_N[is_in_N] = combine(turned_NK, **bind(combine, params or {}))
    statuses_N = np.select(
        [is_in_N, is_failed_N, is_undefined_N], ["ok", "failed", "undefined"], "not_applicable"
    )
    return Column(values_N, statuses_N.tolist())


def possible(metrics: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The aggregates that can be made of some objectives, and of which ones.

    Args:
        metrics: by the objective's name.

    Returns:
        By aggregate, the objective of each component; the first where several have the metric.
        Those that take any metrics get all, under the objectives' own names, when there are two.
    """
    first: dict[str, str] = {}
    for objective, metric in metrics.items():
        first.setdefault(metric, objective)
    found = {}
    for name, combine in aggregates.items():
        components = combination_of(combine).components
        if not components and len(metrics) > 1:
            found[name] = {objective: objective for objective in metrics}
        elif components and all(component in first for component in components):
            found[name] = {component: first[component] for component in components}
    return found
