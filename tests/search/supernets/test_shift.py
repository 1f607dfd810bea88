"""ShiftNAS, a reconstruction, against cases computed by hand."""

from math import comb

import numpy as np
import pytest
import torch
from torch import nn

from search.supernets.architects import Architect, cost_loss, relaxed_cost, straight_through
from search.supernets.bins import Bins, gradient_by_shares
from search.supernets.looks import Looks
from search.supernets.mix import mixture, onehot
from search.supernets.paths import Draw
from search.supernets.paths.shift import BinShift
from search.supernets.recipes import recipes
from search.supernets.schedules import constant
from search.supernets.sources.entangled import coverage
from search.supernets.steps import Moment
from tests.search.supernets.conftest import small
from tests.search.supernets.test_training import assert_equal, finished, of, training, weights

COSTS = ((1.0, 2.0), (3.0, 5.0))


def cost(arch):
    return sum(costs[choice] for costs, choice in zip(COSTS, arch, strict=True))


@pytest.mark.parametrize(
    ("choice", "mask"), [(0, [1.0, 0.0, 0.0]), (1, [1.0, 1.0, 0.0]), (2, [1.0, 1.0, 1.0])]
)
def test_masks_are_prefixes(choice, mask):
    chosen = torch.zeros(3)
    chosen[choice] = 1

    assert coverage([(1,), (2,), (3,)], chosen).tolist() == mask


@pytest.mark.parametrize(
    ("first", "second", "loss"), [((0, 1), (1, 0), 1.0), ((0.5, 0.5), (0.5, 0.5), 0.25)]
)
def test_the_cost_loss_is_as_by_hand(first, second, loss):
    both = [torch.tensor(first).float(), torch.tensor(second).float()]

    for around in ((0, 0), (1, 0), (1, 1)):
        assert float(cost_loss(cost, around, both, 6.0)) == pytest.approx(loss)


def test_the_gradient_of_a_cost_that_is_no_sum_is_by_single_changes():
    onehots = [torch.tensor([0.0, 1.0], requires_grad=True) for _ in range(2)]

    relaxed_cost(lambda arch: (arch[0] + 1.0) * (arch[1] + 1.0), (1, 1), onehots).backward()

    assert [w.grad.tolist() for w in onehots] == [[2.0, 4.0], [2.0, 4.0]]


def test_draws_are_one_hot_and_have_gradients():
    logits = torch.tensor([0.0, 1.0, -1.0], requires_grad=True)
    drawn = straight_through(logits, np.random.default_rng(0))
    (drawn * torch.tensor([1.0, 2.0, 4.0])).sum().backward()

    assert sorted(drawn.tolist()) == [0.0, 0.0, 1.0]
    assert logits.grad.abs().min() > 0
    assert float(logits.grad.sum()) == pytest.approx(0, abs=1e-6)


def test_draws_follow_the_softmax():
    logits, rng = torch.tensor([0.0, 1.0, -1.0]), np.random.default_rng(0)

    counts = sum(straight_through(logits, rng) for _ in range(4000))

    torch.testing.assert_close(counts / 4000, logits.softmax(0), atol=0.03, rtol=0)


def test_unrolling_raises_the_share_of_the_useful_bin():
    w = nn.Parameter(torch.tensor([0.0]))
    wanted = (1.0, -1.0)

    gradient = gradient_by_shares(
        [w],
        lambda k: ((w - wanted[k]) ** 2 / 2).sum(),
        lambda _k: ((w - 1) ** 2 / 2).sum(),
        torch.tensor([0.5, 0.5]),
        lr=0.01,
    )
    bins = Bins(0.0, 1.0, 2)
    bins.descend(gradient)

    assert gradient.tolist() == pytest.approx([-0.01, 0.01], rel=1e-4)
    assert bins.shares_K[0] > 0.5 > bins.shares_K[1]
    assert w.tolist() == [0.0]


def test_gaps_raise_the_share_of_the_bin_whose_loss_has_risen():
    bins = Bins(0.0, 1.0, 2)
    bins.note_losses(torch.tensor([1.0, 2.0]))
    assert bins.shares_K.tolist() == pytest.approx([0.5, 0.5])

    bins.note_losses(torch.tensor([1.1, 1.9]))

    assert bins.gaps_K.tolist() == pytest.approx([0.01, 0.0])
    assert bins.shares_K.tolist() == pytest.approx([0.011 / 0.012, 0.001 / 0.012])


def test_bins_are_of_equal_width():
    bins = Bins(1.0, 3.0, 4)

    assert bins.targets == [1.25, 1.75, 2.25, 2.75]
    assert [bins.number(c) for c in (1.0, 1.49, 1.5, 2.9, 3.0)] == [0, 0, 1, 3, 3]


def test_costs_of_uniform_draws_gather_in_the_middle():
    draw, rng, bins = Draw([[0.5, 0.5]] * 10), np.random.default_rng(0), Bins(-0.5, 10.5, 11)
    numbers = [bins.number(sum(draw(rng))) for _ in range(4000)]

    shares = np.bincount(numbers, minlength=11) / 4000

    assert shares == pytest.approx([comb(10, k) / 2**10 for k in range(11)], abs=0.02)


def test_the_drawn_mix_computes_the_subnet(images):
    net = small("elastic_tiny")
    arch = (1, 0, 2, 0, 2, 1, 0, 1)
    rows = [
        torch.eye(len(d.choices))[k].requires_grad_()
        for d, k in zip(net.space.decisions, arch, strict=True)
    ]

    logits = net(images, mixture(rows))
    logits.square().sum().backward()

    torch.testing.assert_close(logits, net(images, onehot(arch)), rtol=1e-4, atol=1e-5)
    assert all(row.grad.abs().max() > 0 for row in rows)


def sampler(**settings):
    return BinShift(
        small("elastic_tiny"),
        np.random.default_rng(0),
        lr=constant(0.1),
        num_bins=3,
        **settings,
    )


def test_the_architect_learns_to_meet_costs():
    shift = sampler(mode="none")
    moment = Moment(0, 10, 5, lambda _mix: 0.0)
    before = max(shift.log()["draw_errors"])

    for _ in range(80):
        shift.passes(moment)
        shift.observe(None)

    assert max(shift.log()["draw_errors"]) < 0.6 * before
    assert max(shift.log()["cost_errors"]) < 0.05
    assert sum(shift.log()["counts"]) == 80


def test_costs_are_met_while_the_loss_pulls_towards_other_subnets():
    made = training(of("shiftnas", epochs=5, bins=6, warmup_epochs=5), "elastic_tiny")

    for _ in made.run():
        pass

    assert max(made.paths.log()["cost_errors"]) < 0.05


def test_its_own_picks_are_the_architectures_for_the_costs_of_the_bins():
    shift = training(of("shiftnas"), "elastic_tiny").paths

    picks = shift.own_picks()

    assert list(picks.values()) == [shift.arch_of(target) for target in shift.bins.targets]
    assert list(picks)[-1] == f"cost {shift.bins.targets[-1]:.2f}"


def test_only_what_was_drawn_counts_as_trained():
    made = training(of("shiftnas"), "elastic_tiny")
    looks = Looks(made, probes=0, looks=1, looks_at_end=0, calibration=[], held_out=[])

    for report in made.run():
        looks.note(report)

    (told,) = [one for one in looks.after(report) if one.name == "choices"]
    assert {sum(counts) for counts in told.content["counts"]} == {made.num_steps}


def test_the_architecture_for_a_cost_is_the_same_at_every_call_and_draws_nothing():
    shift = sampler()
    state = shift.rng.bit_generator.state

    archs = {shift.arch_of(0.3) for _ in range(3)}

    assert len(archs) == 1
    assert shift.rng.bit_generator.state == state


def test_the_architect_starts_from_its_generator_alone():
    before = torch.get_rng_state()
    first, second = (Architect((2, 3), torch.Generator().manual_seed(3)) for _ in range(2))

    assert_equal(dict(first.state_dict()), dict(second.state_dict()))
    assert torch.equal(before, torch.get_rng_state())
    assert [len(logits) for logits in first(0.5)] == [2, 3]


@pytest.mark.parametrize("mode", ["unrolled", "gap"])
def test_a_training_shifts_the_shares_and_says_it_is_a_reconstruction(mode):
    made = training(of("shiftnas", mode=mode), "elastic_tiny")
    first, *others = (made.paths.log() for _ in made.run())

    assert first["shares"] == [0.5, 0.5]
    assert others[-1]["shares"] != [0.5, 0.5]
    assert others[-1]["is_reconstruction"]
    assert "reconstruction" in recipes["shiftnas"].__doc__.splitlines()[0]


def test_held_out_images_are_never_trained_on():
    made = training(of("shiftnas", held_out=0.2), "elastic_tiny")

    assert len(made.trained) == 18
    assert not set(made.trained.places) & set(made._validation.places)


def test_drawn_uniformly_it_is_spos_bit_for_bit():
    spos = of("spos", source="entangled")

    assert_equal(
        weights(finished(of("shiftnas", shifts=False), "elastic_tiny")),
        weights(finished(spos, "elastic_tiny")),
    )
