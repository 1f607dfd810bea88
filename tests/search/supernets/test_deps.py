"""DepS against values computed by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from search.spaces import spaces
from search.supernets.channels import sort_inner_channels
from search.supernets.mix import onehot
from search.supernets.paths.sandwich import FullThenSandwich, Sandwich
from search.supernets.schedules import constant, cosine
from search.supernets.steps import Moment, pass_of
from search.supernets.supernet import largest
from tests.search.supernets.conftest import small
from tests.search.supernets.test_training import BIG, SMALLEST, given, gradients, of, training

TINY = spaces["elastic_tiny"]


def sampler(lr=None, **settings):
    settings = {"lr": lr or constant(0.1), "ready": 10, "fade": 5} | settings
    return FullThenSandwich(TINY, np.random.default_rng(0), **settings)


def at(epoch, batch, per_epoch=2, num_epochs=20):
    return Moment(epoch * per_epoch + batch, per_epoch, num_epochs, lambda _mix: 0.0)


@pytest.mark.parametrize(
    ("epoch", "batch", "epsilon"),
    [(0, 0, 0), (4, 1, 0), (5, 0, 0.1), (7, 1, 0.6), (9, 1, 1.0), (10, 0, 1.0), (19, 1, 1.0)],
)
def test_subnets_are_faded_in_by_equal_amounts(epoch, batch, epsilon):
    assert sampler().weight_at(at(epoch, batch)) == pytest.approx(epsilon)


def test_weight_times_rate_rises_linearly_whatever_the_schedule():
    lr = cosine(0.3)
    moments = [at(e, b) for e in range(5, 10) for b in range(2)]

    products = [sampler(lr).weight_at(m) * lr(m.position, 20) for m in moments]

    np.testing.assert_allclose(products, lr(10, 20) * np.arange(1, 11) / 10)
    made = sampler(lr)
    made.passes(moments[-1])
    assert made.log()["epsilon_times_rate"] == pytest.approx(products[-1])


def test_only_the_largest_is_trained_before():
    made = sampler()

    assert [p.role for p in made.passes(at(4, 1))] == ["max"]
    assert [p.role for p in made.passes(at(5, 0))] == ["max", "min", "mid", "mid"]
    assert [p.weight for p in made.passes(at(5, 0))] == pytest.approx([1, 0.1, 0.1, 0.1])


def test_without_fading_the_second_phase_is_the_sandwich():
    ours = sampler(fade=0).passes(at(10, 0))
    theirs = Sandwich(TINY, np.random.default_rng(0)).passes(at(10, 0))

    assert {(p.mix.arch, p.role, p.weight) for p in ours} == {
        (p.mix.arch, p.role, p.weight) for p in theirs
    }


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("sum", (2, 2)), ("avg", (1.8181818, 2)), ("avg_sqrt", (1.9069252, 2))],
)
def test_gradients_are_aggregated_as_by_hand(kind, expected):
    # gradients (1, 2) of the largest, 10 of the smallest on the first entry alone, epsilon .1
    from search.supernets.aggregation import aggregation_of

    net = small("elastic_tiny")
    scale, shift = net.source.parameters_of(net.slots["stem.1"])
    made = aggregation_of(kind, net)
    scale.grad = torch.full_like(scale, 2.0)
    scale.grad[0] = 1 + 0.1 * 10
    made.add(onehot(BIG), 1.0)
    made.add(onehot(SMALLEST), 0.1)
    made.finish()

    assert (float(scale.grad[0]), float(scale.grad[-1])) == pytest.approx(expected, abs=1e-6)
    assert shift.grad is None


def test_averages_are_those_of_separate_gradients():
    base = replace(of("sandwich", distils=False), clip=None)
    passes = [pass_of(BIG), pass_of(SMALLEST, weight=0.5)]
    total = gradients(base, passes)
    averaged = gradients(replace(base, aggregation="avg"), passes)
    net = given(base, passes).net
    names = [name for name, _ in net.named_parameters()]

    whole = dict(zip(names, zip(total, averaged, strict=True), strict=True))

    gradient, mean = whole["source.classifier.weight"]
    torch.testing.assert_close(mean[:, :8], gradient[:, :8] / 1.5)
    torch.testing.assert_close(mean[:, 8:], gradient[:, 8:])


@pytest.mark.parametrize("name", ["elastic_tiny", "mobile"])
def test_sorting_channels_keeps_what_the_largest_computes(name, images):
    net, images = small(name).double(), images.double()
    mix = onehot(largest(net.space))
    with torch.no_grad():
        before = net(images, mix)
        sort_inner_channels(net)

        torch.testing.assert_close(net(images, mix), before, rtol=1e-9, atol=1e-9)
    for layers in net.inner_channels():
        sums = net.source.parameters_of(layers[-1][0])[0].abs().sum((0, 2, 3))
        assert torch.equal(sums, sums.sort(descending=True).values)


def test_momenta_follow_their_weights():
    made = training(of("sandwich"), "elastic_tiny")
    made.step()
    (weight,) = made.net.source.parameters_of(made.net.slots["stages.0.0.look.0"])
    momentum = made.optimizer.state[weight]["momentum_buffer"]

    def pairs():
        middle = [t.detach()[:, 0, 2, 2].tolist() for t in (weight, momentum)]
        return list(zip(*middle, strict=True))

    before = pairs()
    sort_inner_channels(made.net, made.optimizer)

    assert pairs() != before
    assert set(pairs()) == set(before)


def test_channels_are_sorted_once_at_the_switch():
    made = training(of("deps", epochs=4, ready=0.5, fade=0.25), "elastic_tiny")
    layers = made.net.inner_channels()[0]

    def is_sorted():
        sums = made.net.source.parameters_of(layers[-1][0])[0].abs().sum((0, 2, 3))
        return torch.equal(sums, sums.sort(descending=True).values)

    assert made.recipe.sorts_before == 1
    for _ in range(made.steps_per_epoch):
        made.step()
    assert not is_sorted()
    made.optimizer.step = lambda: None
    made.step()
    assert is_sorted()
