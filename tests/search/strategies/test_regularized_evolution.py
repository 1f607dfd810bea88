import numpy as np

from search.spaces import spaces
from search.strategies import Result, strategies

SPACE = spaces["nasbench201"]


def evolution(**params):
    return strategies["regularized_evolution"](SPACE, np.random.default_rng(0), **params)


def tell(strategy, value, number, violation=0.0):
    (proposal,) = strategy.ask(1)
    strategy.tell([Result(number, proposal.arch, (value,), violation)])
    return proposal


def test_oldest_leaves_when_population_is_full():
    strategy = evolution(population=3, sample=1)
    for number, value in enumerate([0.0, 5.0, 6.0, 9.0]):  # the oldest is the best
        tell(strategy, value, number)

    parents = [tell(strategy, 9.0, 4 + i).parents[0] for i in range(1)]

    assert 0 not in parents
    assert [row[0] for row in strategy.state_dict()["population"]] == [2, 3, 4]


def test_the_best_of_the_sample_is_mutated():
    strategy = evolution(population=4, sample=200)  # sees all four
    for number, value in enumerate([3.0, 1.0, 2.0, 4.0]):
        tell(strategy, value, number)

    child = tell(strategy, 5.0, 4)

    assert child.parents == (1,)


def test_a_child_differs_from_its_parent_by_one_edge():
    strategy = evolution(population=2, sample=1)
    archs = [tell(strategy, 0.0, number).arch for number in range(2)]

    child = tell(strategy, 0.0, 2)

    parent = archs[child.parents[0]]
    assert sum(a != b for a, b in zip(parent, child.arch, strict=True)) == 1


def test_feasible_wins_over_a_better_value():
    strategy = evolution(population=2, sample=100)
    tell(strategy, 1.0, 0, violation=0.5)
    tell(strategy, 9.0, 1)

    assert tell(strategy, 9.0, 2).parents == (1,)


def test_no_value_loses_against_the_worst_value():
    strategy = evolution(population=2, sample=100)
    tell(strategy, None, 0, violation=None)
    tell(strategy, 1e300, 1, violation=1e6)

    assert tell(strategy, 9.0, 2).parents == (1,)


def test_another_objective_can_be_optimised():
    strategy = evolution(population=2, sample=100, objective=2)
    first, second = strategy.ask(2)
    strategy.tell([Result(0, first.arch, (1.0, 5.0)), Result(1, second.arch, (9.0, 2.0))])

    assert strategy.ask(1)[0].parents == (1,)


def test_children_wait_for_the_results_before_them():
    strategy = evolution(population=4)
    asked = strategy.ask(10)

    assert len(asked) == 4
    assert strategy.ask(1) == []


def screened_like(strategy):
    """What the strategy is about to screen."""
    twin = evolution(population=2, guide=2, candidates=8)
    twin.load_state_dict(strategy.state_dict())
    return [proposal.arch for proposal in twin.ask(50)]


def guided(strategy, number, guide_of):
    """Tell what is screened for a child; the numbers that were taken, and the child."""
    screened = strategy.ask(50)
    scores = [Result(number + i, p.arch, (None, guide_of(p.arch)), 0.0, p.only)
              for i, p in enumerate(screened)]  # fmt: skip
    strategy.tell(scores)
    (child,) = strategy.ask(50)
    return screened, child


def test_the_mutation_that_the_guide_likes_best_is_looked_at():
    strategy = evolution(population=2, guide=2, candidates=8)
    for number in range(2):
        tell(strategy, 1.0, number)

    screened, child = guided(strategy, 2, lambda arch: float(SPACE.index(arch)))

    assert {p.only for p in screened} == {(1,)}
    assert child.only is None
    assert child.arch == min((p.arch for p in screened), key=SPACE.index)
    assert child.parents == screened[0].parents


def test_a_mutation_without_a_guide_score_comes_last():
    strategy = evolution(population=2, guide=2, candidates=8)
    for number in range(2):
        tell(strategy, 1.0, number)

    lowest = min(screened_like(strategy), key=SPACE.index)
    screened, child = guided(
        strategy, 2, lambda arch: None if arch == lowest else float(SPACE.index(arch))
    )

    assert child.arch == sorted((p.arch for p in screened), key=SPACE.index)[1]


def test_where_the_guide_is_undefined_for_all_the_first_mutation_is_looked_at():
    strategy = evolution(population=2, guide=2, candidates=8)
    for number in range(2):
        tell(strategy, 1.0, number)

    screened, child = guided(strategy, 2, lambda _: None)

    assert child.arch == screened[0].arch


def test_what_lives_is_not_proposed_again_by_the_guide():
    strategy = evolution(population=4, guide=2, candidates=30)
    living = [tell(strategy, 1.0, number).arch for number in range(4)]

    screened, _ = guided(strategy, 4, lambda _: 0.0)

    assert not {p.arch for p in screened} & set(living)
    assert len({p.arch for p in screened}) == len(screened)
