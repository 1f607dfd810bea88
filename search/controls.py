"""The random control of a search: of equal budget, so that it tells skill from chance.

Minutes and simulated time are equal as they stand. A budget of trials counts full trials alone, so
that training for lower rungs, or for a pool to begin with, would come on top: the control gets as
many more trials as make its training epochs equal. Proxies and costs are taken to be free.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from math import ceil
from typing import Any

from search.catalogue import Catalogue, Plugin
from search.spec import CONTROL, HALVING, MAX_NAME, MAX_TRIALS, RANDOM, Choice, Spec
from search.strategies.successive_halving import num_scored
from search.warm_start import NUM_KEPT

Lengths = dict[str, list[tuple[int, int]]]  # by recipe: epochs of a training, and its objective


def random_control(spec: Spec, offered: Catalogue) -> Spec:
    """A random search with no warm start, for the same objectives, on the same seed."""
    changes = {
        "name": f"{spec.name[: MAX_NAME - len(CONTROL)]}{CONTROL}",
        "strategy": Choice(name=RANDOM),
        "warm_start": None,
        "budget": spec.budget.model_copy(update={"trials": equal_trials(spec, offered)}),
    }
    return spec.model_copy(update=changes)


def equal_trials(spec: Spec, offered: Catalogue) -> int | None:
    """So many trials of random search train for as many epochs, rounded up; None for any number.

    Args:
        spec: of the search; has passed :func:`search.check.check`.
        offered: has the default lengths of trainings.
    """
    trials, lengths = spec.budget.trials, _lengths(spec, offered)
    of_one = _epochs(lengths, [1] * len(spec.objectives))
    if trials is None or not of_one:
        return trials
    spent = _epochs(lengths, _archs_scored(spec, trials, offered))
    return min(ceil(spent / of_one), MAX_TRIALS)


def _archs_scored(spec: Spec, trials: int, offered: Catalogue) -> list[int]:
    """How many archs a search of so many full trials scores, by objective."""
    nums = [trials] * len(spec.objectives)
    if spec.strategy.name == HALVING:
        params = _filled(offered.plugin("strategy", HALVING), spec.strategy.params)
        rungs = params.pop("rungs")
        for rung, num in zip(rungs, num_scored(trials, len(rungs), **params), strict=True):
            nums[rung - 1] = num
    if spec.warm_start is not None:
        place, pool = spec.warm_start.objective - 1, spec.warm_start.pool
        nums[place] = pool + max(0, nums[place] - min(pool, NUM_KEPT))  # it begins with these
    return nums


def _lengths(spec: Spec, offered: Catalogue) -> Lengths:
    """What the objectives train, by recipe; a longer training goes on from a shorter one."""
    lengths: Lengths = defaultdict(list)
    for place, objective in enumerate(spec.objectives):
        plugin = offered.plugin("training", objective.metric)
        recipe = _filled(plugin, objective.params) if plugin else {}
        epochs = recipe.pop("epochs", None)
        if epochs is not None:
            recipe["horizon"] = recipe.get("horizon") or epochs
            lengths[json.dumps(recipe, sort_keys=True)].append((epochs, place))
    return lengths


def _epochs(lengths: Lengths, nums: Sequence[int]) -> int:
    """Of all trainings, when so many archs are scored for each objective."""
    total = 0
    for one in lengths.values():
        before = 0
        for epochs in sorted({epochs for epochs, _ in one}):
            num = max(nums[place] for length, place in one if length >= epochs)
            total += (epochs - before) * num
            before = epochs
    return total


def _filled(plugin: Plugin | None, params: dict[str, Any]) -> dict[str, Any]:
    """Parameters with the defaults of those that are left out."""
    assert plugin is not None, "the spec has been checked against the catalogue"
    fields = plugin.parameters.get("properties", {})
    return {name: field.get("default") for name, field in fields.items()} | params
