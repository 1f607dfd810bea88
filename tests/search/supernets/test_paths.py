"""Path samplers against toy cases computed by hand."""

import re
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from search.spaces import spaces
from search.supernets.paths import uniform_draw
from search.supernets.paths.fair import FairPermutation
from search.supernets.paths.importance import ImportancePath
from search.supernets.paths.random_a import MAX_SIZE, RandomA, different_archs
from search.supernets.paths.round_robin import RoundRobin
from search.supernets.paths.sandwich import CostConditioned, Sandwich
from search.supernets.paths.uniform import Uniform
from search.supernets.schedules import no_smoothing
from search.supernets.steps import Moment
from tests.search.supernets.conftest import small

CELLS, ELASTIC = spaces["nasbench201"], spaces["elastic_tiny"]


def moment(step=0, loss_of=None):
    return Moment(step, 10, 5, loss_of or (lambda _mix: 0.0))


def archs(sampler, steps=1):
    return [p.mix.arch for step in range(steps) for p in sampler.passes(moment(step))]


def generator(seed=0):
    return np.random.default_rng(seed)


def test_uniform_draws_every_choice_alike():
    drawn = np.array(archs(Uniform(CELLS, generator()), 3000))

    counts = np.apply_along_axis(np.bincount, 0, drawn)
    assert counts.shape == (5, 6)
    assert 500 < counts.min() <= counts.max() < 700


@pytest.mark.parametrize("name", ["cell_27", "nasbench201"])
def test_fair_uses_every_choice_of_every_decision_once_a_step(name):
    space = spaces[name]

    drawn = np.array(archs(FairPermutation(space, generator())))

    for place, decision in enumerate(space.decisions):
        assert sorted(drawn[:, place]) == list(range(len(decision.choices)))


def test_fair_draws_other_paths_in_the_next_step():
    sampler = FairPermutation(CELLS, generator())

    assert archs(sampler) != archs(sampler)


def test_sandwich_is_largest_middle_smallest():
    passes = Sandwich(ELASTIC, generator(), 2).passes(moment())

    assert [p.role for p in passes] == ["max", "mid", "mid", "min"]
    assert passes[0].mix.arch == (3, 2, 2, 1) * 2
    assert passes[-1].mix.arch == (0,) * 8


@pytest.mark.parametrize(
    ("sampler", "space", "reason"),
    [
        (Sandwich, "nasbench201", "decision 0-1 chooses an operation, not a size"),
        (FairPermutation, "elastic_tiny", "equally many choices; here they have 2, 3, 4"),
        (RandomA, "mobile", f"too many .* {MAX_SIZE:,} are the limit"),
        (ImportancePath, "elastic_tiny", "all have the same choices"),
    ],
)
def test_a_space_that_does_not_fit_is_refused_with_the_reason(sampler, space, reason):
    assert re.search(reason, sampler.unfit_reason(spaces[space]))
    if sampler is not ImportancePath:
        with pytest.raises(ValueError, match=reason):
            sampler(spaces[space], generator())


def test_round_robin_trains_each_as_often():
    space = spaces["cell_64"]
    for order in ("fixed", "shuffled", "reshuffled"):
        counts = Counter(archs(RoundRobin(space, generator(), order=order), 3 * 64))
        assert set(counts.values()) == {3}
        assert len(counts) == 64


def test_round_robin_in_fixed_order_is_the_order_of_the_space():
    space = spaces["cell_27"]

    assert archs(RoundRobin(space, generator()), 27) == [space.at(n) for n in range(27)]


def test_reshuffled_rounds_differ_and_shuffled_ones_do_not():
    def rounds(order):
        drawn = archs(RoundRobin(spaces["cell_27"], generator(), order=order), 54)
        return drawn[:27], drawn[27:]

    assert rounds("shuffled")[0] == rounds("shuffled")[1]
    assert rounds("reshuffled")[0] != rounds("reshuffled")[1]


def test_random_a_leaves_duplicates_out():
    # as many as there are unique strings among the cells
    assert len(different_archs(CELLS)) == len(
        {CELLS.key(CELLS.at(n), "zero_aware") for n in range(CELLS.size)}
    )


def importance(**settings):
    return ImportancePath(small("nasbench201", "per_choice"), generator(), **settings)


def test_importance_follows_the_toy_case():
    sampler = importance(smoothing=lambda _epoch, _epochs: 0.4)

    sampler.note((3, 3, 2, 0, 1, 4), [4, 2, 2, 0, 0, 0])
    assert sampler.observed == [0, 0, 1, 1.5, 0]
    sampler.note((3, 2, 0, 1, 4, 4), [5, 0, 0, 0, 0, 0])
    assert sampler.observed == [0, 0, 1, 3.25, 0]
    sampler.end_epoch(2, 5)

    expected = [0.12, 0.12, 0.2141176, 0.4258824, 0.12]
    assert sampler.probabilities == pytest.approx(expected, abs=1e-7)
    assert sampler.observed == [0] * 5


def test_importance_is_exactly_uniform_after_epoch_0():
    sampler = importance()
    sampler.note((3,) * 6, [1.0] * 6)

    sampler.end_epoch(0, 5)

    assert sampler.probabilities == [0.2] * 5


def test_importance_without_smoothing_draws_what_uniform_draws():
    sampler = importance(smoothing=no_smoothing)
    drawn = []
    for epoch in range(3):
        drawn += archs(sampler, 5)
        sampler.note((3,) * 6, [1.0] * 6)
        sampler.end_epoch(epoch, 3)

    assert drawn == archs(Uniform(CELLS, generator()), 15)


def test_importance_reads_the_gradients_of_convolutions_on_the_path():
    net = small("nasbench201", "per_choice")
    sampler = ImportancePath(net, generator())
    # two edges have the 3x3 convolution, each in three cells, with gradients of norm 2
    for place in (0, 5):
        for parameter in net.parameters_at(place, 3):
            parameter.grad = parameter.data.clone() * (2 / parameter.data.norm())
    path = SimpleNamespace(mix=SimpleNamespace(arch=(3, 1, 1, 0, 0, 3)))

    sampler.observe(SimpleNamespace(passes=[SimpleNamespace(done=path)]))

    assert sampler.observed == pytest.approx([0, 0, 0, (2 * 3 * 2 / 2) / 2, 0])


def test_state_leads_to_the_same_draws():
    space = spaces["cell_27"]
    makers = (
        lambda rng: Uniform(space, rng),
        lambda rng: RoundRobin(space, rng, order="reshuffled"),
        lambda rng: FairPermutation(space, rng),
        lambda rng: Sandwich(ELASTIC, rng),
    )
    for make in makers:
        first, second = make(generator(1)), make(generator(2))
        archs(first, 20)
        second.load_state_dict(first.state_dict())

        later = [[p.mix.arch for p in s.passes(moment(27))] for s in (first, second)]
        assert later[0] == later[1]


def conditioned(keeps, candidates=3):
    return CostConditioned(
        ELASTIC,
        generator(),
        lambda arch: float(sum(arch)),
        keeps=keeps,
        num_bins=15,
        candidates=candidates,
        num_samples=500,
    )


def test_candidates_have_the_cost_that_was_drawn():
    sampler = conditioned("worst")

    assert {sampler.bin_of(sampler._candidate(7)) for _ in range(50)} == {7}


@pytest.mark.parametrize(("keeps", "pick"), [("best", min), ("worst", max)])
def test_the_best_or_worst_candidate_is_kept(keeps, pick):
    sampler, seen = conditioned(keeps), []

    def loss_of(mix):
        seen.append((mix.arch[0], mix.arch))
        return mix.arch[0]

    passes = sampler.passes(moment(loss_of=loss_of))

    for k, mid in enumerate(passes[1:3]):
        assert mid.mix.arch[0] == pick(seen[3 * k : 3 * k + 3])[0]


def test_costs_of_middle_subnets_are_spread_as_those_of_random_ones():
    sampler = conditioned("worst", candidates=1)
    costs = [sum(a) for a in archs(sampler, 300)]
    middle = [c for k, c in enumerate(costs) if k % 4 in (1, 2)]

    draw, rng = uniform_draw(ELASTIC), generator(3)
    random = [sum(draw(rng)) for _ in range(600)]

    assert abs(np.mean(middle) - np.mean(random)) < 0.4
