import numpy as np

from search.spaces import spaces
from search.strategies import Result, strategies

SPACE = spaces["nasbench201"]


def search(**params):
    return strategies["local_search"](SPACE, np.random.default_rng(3), **params)


def told(strategy, proposals, first_number, value_of):
    results = [
        Result(first_number + i, p.arch, (value_of(p.arch),)) for i, p in enumerate(proposals)
    ]
    strategy.tell(results)
    return results


def num_convolutions_missing(arch):
    return float(sum(choice != 3 for choice in arch))


def test_all_neighbours_of_the_best_start_are_looked_at():
    strategy = search(initial=5)
    starts = told(strategy, strategy.ask(5), 0, num_convolutions_missing)

    neighbours = strategy.ask(100)

    best = min(starts, key=lambda r: (r.values[0], r.number))
    assert [p.arch for p in neighbours] == SPACE.neighbours(best.arch)
    assert {p.parents for p in neighbours} == {(best.number,)}


def test_it_moves_to_the_best_neighbour():
    strategy = search(initial=1)
    told(strategy, strategy.ask(1), 0, num_convolutions_missing)
    results = told(strategy, strategy.ask(24), 1, num_convolutions_missing)

    following = strategy.ask(1)[0]

    best = min(results, key=lambda r: (r.values[0], r.number))
    assert following.parents == (best.number,)


def test_it_restarts_where_no_neighbour_is_better():
    strategy = search(initial=1)
    told(strategy, strategy.ask(1), 0, lambda _: 0.0)
    told(strategy, strategy.ask(24), 1, lambda _: 0.0)

    restart = strategy.ask(24)

    assert len(restart) == 1
    assert restart[0].parents == ()


def test_a_climb_ends_at_the_optimum():
    strategy, number, visited = search(), 0, set()
    while number < 400:
        results = told(strategy, strategy.ask(24), number, num_convolutions_missing)
        visited |= {r.arch for r in results}
        number += len(results)

    assert (3,) * 6 in visited


def test_a_guide_chooses_which_neighbours_are_looked_at():
    strategy = search(initial=1, guide=2, candidates=5)
    told(strategy, strategy.ask(1), 0, num_convolutions_missing)
    screened = strategy.ask(100)
    strategy.tell(
        [Result(1 + i, p.arch, (None, float(-i)), 0.0, p.only) for i, p in enumerate(screened)]
    )

    chosen = strategy.ask(100)

    assert len(screened) == 24
    assert [p.arch for p in chosen] == [p.arch for p in screened[:-6:-1]]
    assert {p.only for p in chosen} == {None}
