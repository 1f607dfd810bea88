import numpy as np
import pytest

from search.check import check
from search.errors import SpecError
from search.offer import offer
from search.spaces import spaces
from search.spec import parse_submission
from search.strategies import Result, strategies
from search.strategies.coarse_to_fine import coarse_grid

SPACE = spaces["elastic_tiny"]


def accuracy(arch):
    return float(arch[0] + 2 * arch[5])


def searched(limit, mutations):
    """Results of a whole search, better towards *accuracy*, where a sum of sizes is limited."""
    strategy = strategies["coarse_to_fine"](
        SPACE, np.random.default_rng(0), mutations=mutations, redraw=0.1
    )
    results = []
    while proposals := strategy.ask(16):
        told = [
            Result(len(results) + i, p.arch, (-accuracy(p.arch),), max(0.0, sum(p.arch) - limit))
            for i, p in enumerate(proposals)
        ]
        strategy.tell(told)
        results += told
    assert strategy.is_exhausted
    return results


def best(results):
    return max(accuracy(r.arch) for r in results if r.violation == 0)


def test_the_grid_has_one_choice_for_each_kind():
    grid = coarse_grid(SPACE)

    assert len(grid) == 4 * 3 * 3 * 2
    assert all(arch[:4] == arch[4:] for arch in grid)


def test_changes_after_the_grid_climb_within_the_limit():
    results = searched(7.0, 400)

    assert len(results) == 72 + 400
    assert best(results[:72]) < 7.0
    assert best(results) == 7.0  # the first width and the second depth at their most


def test_every_change_is_of_the_best_so_far_and_changes_something():
    results = searched(7.0, 50)
    parents = [best(results[:number]) for number in range(72, 122)]

    assert parents == sorted(parents)
    assert len({r.arch for r in results[72:]} - {r.arch for r in results[:72]}) > 20


def test_a_space_of_operations_is_refused_with_the_reason():
    with pytest.raises(SpecError, match="0-1 chooses an operation") as caught:
        strategies["coarse_to_fine"](spaces["nasbench201"], np.random.default_rng(0))

    assert list(caught.value.fields) == ["strategy.name"]


def test_it_is_refused_before_anything_is_queued(tmp_path):
    submission = parse_submission(
        {
            "name": "cells",
            "space": {"name": "nasbench201"},
            "objectives": ["params"],
            "strategy": {"name": "coarse_to_fine"},
            "budget": {"trials": 10},
        }
    )

    with pytest.raises(SpecError, match="there is no coarse grid") as caught:
        check(submission, offer(tmp_path))

    assert list(caught.value.fields) == ["strategy.name"]
