import numpy as np
import pytest

from search.spaces import spaces
from search.strategies import Result, strategies
from search.strategies.successive_halving import brackets, budgets, num_scored

SPACE = spaces["nasbench201"]


def halving(**params):
    return strategies["successive_halving"](SPACE, np.random.default_rng(0), **params)


def told(strategy, proposals, first_number, losses):
    """Results whose losses are the same on all rungs that were asked for."""
    results = [
        Result(first_number + i, p.arch, (loss, loss, loss), 0.0, p.only)
        for i, (p, loss) in enumerate(zip(proposals, losses, strict=True))
    ]
    strategy.tell(results)
    return results


@pytest.mark.parametrize(
    ("lowest", "highest", "eta", "rungs"),
    [
        (1, 27, 3, [1, 3, 9, 27]),
        (1, 243, 3, [1, 3, 9, 27, 81, 243]),
        (1, 1000, 10, [1, 10, 100, 1000]),
        (1, 20, 3, [1, 3, 9, 20]),
        (5, 5, 3, [5]),
    ],
)
def test_rungs_are_counted_in_whole_numbers(lowest, highest, eta, rungs):
    assert budgets(lowest, highest, eta) == rungs


@pytest.mark.parametrize(("lowest", "highest", "eta"), [(0, 9, 3), (9, 3, 3), (1, 9, 1)])
def test_rungs_that_lead_nowhere_are_refused(lowest, highest, eta):
    with pytest.raises(ValueError, match="no rungs"):
        budgets(lowest, highest, eta)


def test_hyperband_has_the_brackets_of_its_paper():
    assert brackets(5, 3) == [(0, 81), (1, 34), (2, 15), (3, 8), (4, 5)]


def test_nine_become_three_become_one():
    strategy = halving(rungs=(1, 2, 3), initial=9, eta=3)
    losses = [0.5, 0.4, 0.6, 0.3, 0.9, 0.8, 0.1, 0.7, 0.2]

    first = told(strategy, strategy.ask(99), 0, losses)
    second = strategy.ask(99)
    third = told(strategy, second, 9, [0.3, 0.1, 0.2]) and strategy.ask(99)

    assert [p.arch for p in second] == [first[place].arch for place in (6, 8, 3)]
    assert {p.only for p in second} == {(1,)}
    assert [(p.arch, p.parents, p.only) for p in third] == [(first[8].arch, (10,), None)]


def test_the_next_bracket_begins_with_other_archs():
    strategy = halving(rungs=(1, 2), initial=4, eta=2)
    first = told(strategy, strategy.ask(99), 0, [1, 2, 3, 4])
    told(strategy, strategy.ask(99), 4, [1, 2])

    second = strategy.ask(99)

    assert {p.only for p in second} == {(0,)}
    assert not {p.arch for p in second} & {r.arch for r in first}


def test_at_least_one_goes_on():
    strategy = halving(rungs=(1, 2), initial=2, eta=5)
    told(strategy, strategy.ask(99), 0, [2, 1])

    assert len(strategy.ask(99)) == 1


def test_what_has_no_value_goes_on_last():
    strategy = halving(rungs=(1, 2), initial=3, eta=3)
    first = told(strategy, strategy.ask(99), 0, [None, 5, None])

    assert [p.arch for p in strategy.ask(99)] == [first[1].arch]


def test_hyperband_goes_from_most_on_the_lowest_rung_to_few_on_the_highest():
    strategy = halving(rungs=(1, 2, 3), eta=2, hyperband=True)
    asked, number = [], 0
    for _ in range(6):
        proposals = strategy.ask(99)
        told(strategy, proposals, number, range(len(proposals)))
        number += len(proposals)
        asked.append((len(proposals), proposals[0].only))

    assert asked == [(4, (0,)), (2, (1,)), (1, None), (3, (1,)), (1, None), (3, None)]


def scored(num_full, **params):
    """For each of three rungs the archs that the strategy asks to score, one by one."""
    strategy, number, asked = halving(rungs=(1, 2, 3), **params), 0, [set(), set(), set()]
    while len(asked[2]) < num_full:
        for proposal in strategy.ask(1):
            told(strategy, [proposal], number, [number])
            number += 1
            for place in (0, 1, 2) if proposal.only is None else proposal.only:
                asked[place].add(proposal.arch)
    return [len(archs) for archs in asked]


@pytest.mark.parametrize("hyperband", [False, True])
@pytest.mark.parametrize("num_full", [1, 2, 4, 5, 7, 20])
def test_what_it_scores_for_so_many_full_trials_is_known_before(num_full, hyperband):
    params = {"initial": 17, "eta": 2, "hyperband": hyperband}

    assert num_scored(num_full, 3, **params) == scored(num_full, **params)


def test_a_space_that_is_seen_through_ends_it():
    strategy, number = halving(rungs=(1, 2), initial=1000, eta=2), 0
    in_full, screened = set(), set()
    while not strategy.is_exhausted:
        proposals = strategy.ask(1000)
        told(strategy, proposals, number, range(len(proposals)))
        number += len(proposals)
        screened |= {p.arch for p in proposals if p.only is not None}
        in_full |= {p.arch for p in proposals if p.only is None}

    assert len(screened) == SPACE.size
    assert len(in_full) == 15 * 500 + 500
    assert strategy.ask(10) == []
