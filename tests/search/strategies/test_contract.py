"""What every strategy keeps to."""

import json

import numpy as np
import pytest

from search.spaces import spaces
from search.strategies import Result, strategies, takes_warm_start
from search.warm_start import WarmStarted

SPACE = spaces["nasbench201"]
SIZES = spaces["elastic_tiny"]  # for strategies that need decisions of sizes
SPACES = {"coarse_to_fine": SIZES}
BY_LENGTH = {len(space.decisions): space for space in (SPACE, SIZES)}

LARGE_ROUNDS = {"initial": 20, "batch": 60}  # fitting takes a while
LISTED = tuple(SPACE.encode(SPACE.at(7 * place)) for place in range(2000))
PARAMS = {
    "predictor": LARGE_ROUNDS,
    "listed": {"archs": LISTED},
    "coarse_to_fine": {"mutations": 5000},
}
GUIDED = {"guide": 2, "candidates": 6}
VARIANTS = {
    **{name: (name, PARAMS.get(name, {})) for name in strategies},
    "guided evolution": ("regularized_evolution", GUIDED),
    "guided local search": ("local_search", GUIDED),
    "guided predictor": ("predictor", {**LARGE_ROUNDS, "guide": 2}),
    "hyperband": ("successive_halving", {"hyperband": True, "rungs": (1, 3, 2)}),
}
BEGINNERS = [name for name, (kind, _) in VARIANTS.items() if takes_warm_start(strategies[kind])]


@pytest.fixture(params=[*VARIANTS, *(f"warm {name}" for name in BEGINNERS)])
def made(request):
    """Makes the strategy, which begins as the name says."""
    name, params = VARIANTS[request.param.removeprefix("warm ")]

    def make(seed=0):
        strategy = strategies[name](SPACES.get(name, SPACE), np.random.default_rng(seed), **params)
        if not request.param.startswith("warm "):
            return strategy
        return WarmStarted(strategy, SPACE, np.random.default_rng(seed), objective=1, pool=30)

    return make


def result_of(number, proposal):
    """Three values that conflict, one in ten missing, some infeasible."""
    index = BY_LENGTH[len(proposal.arch)].index(proposal.arch)
    first = None if index % 10 == 3 else float(index % 997)
    violation = None if first is None else max(0.0, index % 7 - 4.0)
    values = (first, -float(sum(proposal.arch)), float(index % 31))
    scored = range(3) if proposal.only is None else proposal.only
    told = tuple(value if place in scored else None for place, value in enumerate(values))
    return Result(number, proposal.arch, told, violation, proposal.only)


def driven(strategy, num_trials, *, chunk=16, first_number=0):
    """Proposals of a strategy that is asked for *chunk* and told everything at a time."""
    proposals = []
    while len(proposals) < num_trials:
        asked = strategy.ask(min(chunk, num_trials - len(proposals)))
        number = first_number + len(proposals)
        strategy.tell([result_of(number + i, p) for i, p in enumerate(asked)])
        proposals += asked
    return proposals


def through_json(state):
    return json.loads(json.dumps(state, allow_nan=False))


def test_proposals_are_archs_of_the_space(made):
    proposals = driven(made(), 300)

    archs = [proposal.arch for proposal in proposals]
    assert {BY_LENGTH[len(arch)].invalid_reason(arch) for arch in archs} == {None}


@pytest.mark.parametrize("space", ["nasbench101", "nasbench_nlp"])
@pytest.mark.parametrize("name", sorted(strategies.keys() - {"listed", *SPACES}))
def test_encodings_that_are_no_archs_are_passed_over(name, space):
    strategy = strategies[name](spaces[space], np.random.default_rng(0))

    proposals = strategy.ask(20)

    assert proposals
    assert {spaces[space].invalid_reason(proposal.arch) for proposal in proposals} == {None}


def test_parents_are_numbers_of_earlier_trials(made):
    proposals = driven(made(), 300)

    assert all(p < number for number, made_of in enumerate(proposals) for p in made_of.parents)


def test_equal_seeds_give_equal_proposals(made):
    assert driven(made(7), 200) == driven(made(7), 200)


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_proposals_do_not_depend_on_how_many_are_asked_for(made, chunk):
    assert driven(made(), 300, chunk=chunk) == driven(made(), 300, chunk=16)


@pytest.mark.parametrize("cut", [0, 1, 5, 37, 150])
def test_state_goes_through_json_and_continues_identically(made, cut):
    undisturbed, first = driven(made(), 300), made()
    before = driven(first, cut)

    second = made(seed=99)
    second.load_state_dict(through_json(first.state_dict()))
    after = driven(second, 300 - cut, first_number=cut)

    assert before + after == undisturbed


@pytest.mark.parametrize("cut", [4, 60])
def test_state_may_be_saved_while_results_are_awaited(made, cut):
    first, undisturbed = made(), driven(made(), 200)
    driven(first, cut)
    asked = first.ask(3)

    second = made(seed=99)
    second.load_state_dict(through_json(first.state_dict()))
    second.tell([result_of(cut + i, p) for i, p in enumerate(asked)])
    after = driven(second, 200 - cut - len(asked), first_number=cut + len(asked))

    assert asked + after == undisturbed[cut:]


def test_results_may_be_told_one_by_one(made):
    strategy, undisturbed, proposals = made(), driven(made(), 120), []
    while len(proposals) < 120:
        for proposal in strategy.ask(min(16, 120 - len(proposals))):
            strategy.tell([result_of(len(proposals), proposal)])
            proposals.append(proposal)

    assert proposals == undisturbed


def test_state_does_not_grow_with_the_number_of_trials(made):
    strategy = made()

    def size_after(number):
        driven(strategy, 50, first_number=number)
        return len(json.dumps(strategy.state_dict()))

    sizes = [size_after(number) for number in range(0, 2000, 50)]

    assert max(sizes[16:]) < 1.2 * max(sizes[:16]) + 200


def test_nothing_but_missing_values_is_survived(made):
    strategy = made()

    for start in range(0, 600, 20):
        asked = strategy.ask(20)
        strategy.tell(
            [Result(start + i, p.arch, (None,) * 3, None, p.only) for i, p in enumerate(asked)]
        )

    assert strategy.ask(1) != [] or strategy.is_exhausted


def test_nothing_is_drawn_from_the_global_generator(made):
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()

    driven(made(), 100)

    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize("name", ["exhaustive", "random"])
def test_what_visits_once_visits_everything_once_and_is_exhausted(name):
    strategy = strategies[name](SPACE, np.random.default_rng(0))

    archs = [p.arch for p in strategy.ask(SPACE.size + 10)]

    assert len(set(archs)) == len(archs) == SPACE.size
    assert strategy.is_exhausted
    assert strategy.ask(1) == []
