"""What is told of a training: how many points, and of what."""

import time

import numpy as np
import pytest
import torch

from search.spaces import spaces
from search.supernets import curves
from search.supernets.curves import Curves
from search.supernets.examples import HeldExamples
from search.supernets.looks import drawn_probes
from search.supernets.losses import alpha_divergence
from search.supernets.making import supernet_of
from search.supernets.recipes import recipes
from search.supernets.training import Training


@pytest.fixture
def training():
    recipe = recipes["spos"](epochs=3, batch_size=8)
    net = supernet_of(
        "cell_27", recipe, shape=(1, 4, 4), num_classes=3, seed=0, channels=2, cells=1
    )
    x_NCHW = torch.randn(24, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    return Training(net, recipe, HeldExamples(x_NCHW, torch.arange(24) % 3), seed=0)


def taken(training, watch):
    found, losses = [], []
    for report in training.run():
        losses.append(report.losses["solo"])
        watch.note(report)
        found += [m for m in watch.points(report) if m.name == "loss solo"]
    return found, losses


def test_points_are_means_of_the_steps_since_the_last(training, monkeypatch):
    monkeypatch.setattr(curves, "MAX_POINTS", 2)

    found, losses = taken(training, Curves(training))

    assert [metric.step for metric in found] == [5, 9]
    expected = [np.mean(losses[:5]), np.mean(losses[5:])]
    assert [metric.value for metric in found] == pytest.approx(expected)


def test_short_trainings_have_a_point_for_every_step(training):
    found, losses = taken(training, Curves(training))

    assert [metric.step for metric in found] == list(range(1, 10))
    assert [metric.value for metric in found] == pytest.approx(losses)


def test_what_was_added_up_outlives_an_interruption(training, monkeypatch):
    monkeypatch.setattr(curves, "MAX_POINTS", 1)
    first, second = Curves(training), Curves(training)
    reports = list(training.run())
    for report in reports[:4]:
        first.note(report)

    second.load_state_dict(first.state_dict())
    for report in reports[4:]:
        second.note(report)
    told = {m.name: m.value for m in second.points(reports[-1])}

    assert told["loss solo"] == pytest.approx(np.mean([r.losses["solo"] for r in reports]))


def test_what_alphanet_tells_is_of_all_subnets_of_a_step():
    recipe = recipes["alphanet"](epochs=1, batch_size=8, num_mid=2)
    net = supernet_of("elastic_tiny", recipe, shape=(1, 8, 8), num_classes=3, seed=0)
    x_NCHW = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    made = Training(net, recipe, HeldExamples(x_NCHW, torch.arange(8) % 3), seed=0)
    curves = Curves(made)

    report = made.step()
    curves.note(report)
    told = {metric.name: metric.value for metric in curves.points(report)}

    largest, *others = report.passes
    assert [one.done.role for one in others] == ["mid", "mid", "min"]
    assert not largest.told
    for name in ("branch alpha_minus", "divergence alpha_minus", "divergence alpha_plus"):
        assert told[name] == pytest.approx(np.mean([float(one.told[name]) for one in others]))
    both = [
        alpha_divergence(one.logits_BK, largest.logits_BK, a, 5.0).values_B
        for one in others
        for a in (-1.0, 1.0)
    ]
    shares = [float((a > b).float().mean()) for a, b in zip(both[::2], both[1::2], strict=True)]
    assert told["branch alpha_minus"] == pytest.approx(np.mean(shares))
    assert told["greatest gradient"] == pytest.approx(float(report.greatest))
    assert "gradient norm" not in told


def test_probes_differ_and_fewer_are_the_first_ones():
    space = spaces["nasbench201"]

    probes = drawn_probes("nasbench201", space, 20)

    assert len(set(probes)) == 20
    assert drawn_probes("nasbench201", space, 5) == probes[:5]


def test_a_small_space_has_as_many_probes_as_architectures():
    space = spaces["cell_27"]

    assert len(drawn_probes("cell_27", space, 100)) == 27
    assert drawn_probes("cell_27", space, 0) == []


def test_time_that_is_left_out_does_not_slow_the_images_down(training):
    watch = Curves(training)
    report = next(training.run())
    watch.note(report)
    time.sleep(0.2)
    watch.leave_out(0.2)

    (speed,) = [m.value for m in watch.points(report) if m.name == "images per second"]

    assert speed > 8 / 0.2  # eight images; with the pause they would be fewer


def test_a_weight_is_told_with_the_rate_that_it_comes_to(training):
    training.recipe.weighs["solo"] = lambda _epoch, _epochs: 0.5
    watch = Curves(training)
    report = next(training.run())
    watch.note(report)

    told = {metric.name: metric.value for metric in watch.points(report)}

    assert told["weight solo"] == 0.5
    assert told["rate solo"] == pytest.approx(0.5 * told["learning rate"])
