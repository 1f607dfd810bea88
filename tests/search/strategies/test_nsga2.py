import math

import numpy as np
import pytest

from search.pareto import hypervolume
from search.spaces import spaces
from search.strategies import Result, strategies
from search.strategies.nsga2 import fitness_of

SPACE = spaces["nasbench201"]


def results(*rows, violations=None):
    violations = violations or [0.0] * len(rows)
    return [
        Result(i, SPACE.at(i), tuple(row), violation)
        for i, (row, violation) in enumerate(zip(rows, violations, strict=True))
    ]


def search(seed=0, **params):
    return strategies["nsga2"](SPACE, np.random.default_rng(seed), **params)


def values_of(arch):
    """Convolutions are wanted on each edge, but they cost."""
    return tuple(float(v) for v in (-sum(c == 3 for c in arch), sum(c in (2, 3) for c in arch)))


def driven(strategy, num_trials, values=values_of):
    told = []
    while len(told) < num_trials:
        proposals = strategy.ask(num_trials - len(told))
        batch = [Result(len(told) + i, p.arch, values(p.arch)) for i, p in enumerate(proposals)]
        strategy.tell(batch)
        told += batch
    return told


def test_fronts_of_five_points():
    found = fitness_of(results((1, 3), (2, 2), (3, 1), (3, 3), (2, 4)))

    assert [front for front, _ in found] == [0, 0, 0, 1, 1]


def test_the_middle_of_three_is_crowded_by_two_and_the_extremes_by_none():
    found = fitness_of(results((1, 3), (2, 2), (3, 1)))

    assert [-crowding for _, crowding in found] == [math.inf, 2.0, math.inf]


def test_an_objective_that_is_equal_everywhere_adds_nothing():
    found = fitness_of(results((1, 5), (2, 5), (3, 5)))

    assert [front for front, _ in found] == [0, 1, 2]


def test_feasible_first_then_by_violation_then_what_is_missing():
    given = results(
        (1, 1), (9, 9), (0, 0), (None, 1), (5, 5), violations=[0.5, 0.0, 0.1, 0.0, None]
    )

    assert [front for front, _ in fitness_of(given)] == [2, 0, 1, 4, 3]


def test_the_first_generation_is_random_and_the_next_has_parents():
    strategy = search(population=6)
    first = strategy.ask(10)
    strategy.tell([Result(i, p.arch, values_of(p.arch)) for i, p in enumerate(first)])

    second = strategy.ask(10)

    assert {p.parents for p in first} == {()}
    assert len(first) == len(second) == 6
    assert all(p.parents for p in second)


def test_the_best_survive_from_parents_and_children():
    strategy = search(population=10)
    told = driven(strategy, 40, values=lambda arch: (float(sum(arch)), 0.0))

    survivors = {row[2][0] for row in strategy.state_dict()["parents"]}

    different = sorted({r.arch: r.values[0] for r in told}.values())[:10]
    assert max(survivors) <= different[-1]


def test_an_arch_takes_one_place_only():
    strategy = search(population=8)
    driven(strategy, 80)

    archs = [tuple(row[1]) for row in strategy.state_dict()["parents"]]
    assert len(set(archs)) == len(archs)


@pytest.mark.parametrize("seed", range(3))
def test_its_front_is_better_than_that_of_random_search(seed):
    def volume(kind):
        found = driven(strategies[kind](SPACE, np.random.default_rng(seed)), 300)
        return hypervolume([r.values for r in found], ["minimize", "minimize"], (0.5, 6.5))

    assert volume("nsga2") > volume("random")
