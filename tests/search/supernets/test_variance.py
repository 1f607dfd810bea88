"""The variance of gradients over batches, and when it is worth its cost."""

import numpy as np
import pytest
import torch
from torch import nn

from search.supernets import variance
from search.supernets.examples import ImportanceData
from search.supernets.looks import Looks
from search.supernets.mix import onehot
from search.supernets.variance import gradient_variance, is_affordable, variances
from tests.search.supernets.test_training import assert_equal, of, training, weights


class Line(nn.Module):
    """Two logits, of which the weight times the image is the first."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(()))
        self.unused = nn.Parameter(torch.zeros(3))

    def forward(self, x_BCHW, _mix, _norms):
        first_B = self.w * x_BCHW.flatten()
        return torch.stack([first_B, torch.zeros_like(first_B)], 1)


def batch(x):
    return onehot((0,)), (torch.tensor([[[[x]]]]), torch.tensor([1]))


def test_gradients_of_1_and_3_have_a_variance_of_2():
    found = gradient_variance(Line(), [batch(2.0), batch(6.0)])  # each gradient is x / 2

    assert found == pytest.approx(2.0)


def test_equal_gradients_have_no_variance():
    net = Line()

    assert gradient_variance(net, [batch(2.0)] * 3) == pytest.approx(0.0)
    assert net.w.grad is None


def test_it_is_measured_as_drawn_and_uniformly_and_changes_nothing():
    made, undisturbed = (training(of("panda", epochs=2), "cell_27") for _ in range(2))
    for _ in range(made.steps_per_epoch + 1):
        made.step()
        undisturbed.step()

    found = variances(made)

    made.step()
    undisturbed.step()
    assert set(found) == {"as drawn", "uniform"}
    assert min(found.values()) > 0
    assert_equal(weights(made), weights(undisturbed))


def test_a_look_tells_it_where_it_can_be_afforded(monkeypatch):
    made = training(of("panda"), "cell_27")
    looks = Looks(made, probes=0, looks=1, looks_at_end=0, calibration=[], held_out=[])
    (*_, report) = made.run()
    before = {one.name for one in looks.after(report)}
    monkeypatch.setattr(variance, "MOST", 100.0)

    after = {one.name for one in looks.after(report)}

    assert after - before == {"variance as drawn", "variance uniform"}


def test_a_recipe_that_draws_all_alike_measures_nothing():
    assert variances(training(of("spos"), "cell_27")) == {}


def test_it_takes_no_more_than_a_tenth_of_the_passes():
    made = training(of("panda", epochs=2), "cell_27")

    assert is_affordable(made, made.num_steps // 160)
    assert not is_affordable(made, made.num_steps // 160 + 1)


def test_images_are_drawn_again_by_their_probabilities():
    data = ImportanceData(4, np.random.default_rng(0), lambda _e, _n: 1.0)
    data.note(np.array([2]), [1.0])
    data.end_epoch(1, 2)

    assert set(data.redrawn(20, np.random.default_rng(1)).tolist()) == {2}
