"""Every proxy against values computed by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from search.probe import Batch, Probe
from search.proxies import proxies
from search.proxies.epsinas import score_of_outputs
from search.proxies.jacob_cov import score_of_correlation


def linear(rows, bias=None):
    weight = torch.tensor(rows, dtype=torch.float64)
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, dtype=torch.float64)
    layer.weight.data = weight
    if bias is not None:
        layer.bias.data = torch.tensor(bias, dtype=torch.float64)
    return layer


def probe_of(*layers, x=((1.0, 2.0),), labels=(0,)):
    batch = Batch(torch.tensor(x, dtype=torch.float64), torch.tensor(labels), num_classes=2)
    return Probe(lambda **_: nn.Sequential(*layers), batch, seed=0)


@pytest.fixture
def two_logits():
    return probe_of(linear([[1, 0], [0, 1]], bias=[0, 0]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("grad_norm", 2.3118102),
        ("snip", 2.1931757),
        ("plain", 0.7310586),
        ("grasp", -1.4373485),
        ("fisher", 2.6722332),
    ],
)
def test_gradient_proxies_of_one_linear_layer(two_logits, name, value):
    assert proxies[name](two_logits) == pytest.approx(value, abs=1e-7)


def test_fisher_keeps_the_channels_apart(two_logits):
    ((_, u_BO),) = two_logits.backward.channels

    assert (0.5 * u_BO.square()).tolist() == [pytest.approx([0.2672233, 1.0688933], abs=1e-7)]


def test_l2_norm_adds_up_the_norms_of_the_layers():
    probe = probe_of(linear([[1, 0], [0, 1]]), linear([[3, 4]]))

    assert proxies["l2_norm"](probe) == pytest.approx(math.sqrt(2) + 5)


def test_synflow_of_a_chain_is_layers_times_flow():
    probe = probe_of(linear([[1, -2], [3, 0.5]]), nn.ReLU(), linear([[2, -1]]))

    assert proxies["synflow"](probe) == pytest.approx(19)


def test_biases_add_flow_to_later_layers_only():
    probe = probe_of(linear([[1, -2], [3, 0.5]], [0.5, -1]), nn.ReLU(), linear([[2, -1]], [7]))

    assert proxies["synflow"](probe) == pytest.approx(21)


@pytest.mark.parametrize(
    ("correlation", "value"),
    [
        ([[1, 1], [1, 1]], -99_989.680224),
        ([[1, 0], [0, 1]], -2.0000000001),
        ([[1, 0.5], [0.5, 1]], -2.3789668),
        (np.eye(3), -3.00000000015),
    ],
)
def test_jacob_cov_of_a_known_correlation(correlation, value):
    assert score_of_correlation(np.array(correlation, dtype=float)) == pytest.approx(value, 1e-8)


def test_jacob_cov_of_a_linear_network_sees_equal_gradients():
    probe = probe_of(linear([[1, 2], [3, 5]]), x=((1.0, 2.0), (2.0, 1.0)), labels=(0, 1))

    assert proxies["jacob_cov"](probe) == pytest.approx(-99_989.680224)


def test_jacob_cov_is_nan_when_the_output_is_constant():
    probe = probe_of(linear([[0, 0], [0, 0]]), x=((1.0, 2.0), (2.0, 1.0)), labels=(0, 1))

    assert math.isnan(proxies["jacob_cov"](probe))


CODES = ((1.0, 1.0, -1.0, -1.0), (1.0, -1.0, 1.0, -1.0), (-1.0, -1.0, 1.0, 1.0))


def test_nwot_of_three_known_codes():
    probe = probe_of(nn.ReLU(), x=CODES, labels=(0, 1, 0))

    assert probe.relu_agreement_BB.tolist() == [[4, 2, 0], [2, 4, 2], [0, 2, 4]]
    assert proxies["nwot"](probe) == pytest.approx(math.log(32))


def test_nwot_counts_in_place_relus_too():
    probe = probe_of(nn.ReLU(inplace=True), x=CODES, labels=(0, 1, 0))

    assert proxies["nwot"](probe) == pytest.approx(math.log(32))


def test_nwot_is_minus_infinity_for_two_equal_codes():
    probe = probe_of(nn.ReLU(), x=(*CODES[:2], CODES[1]), labels=(0, 1, 0))

    assert proxies["nwot"](probe) == -math.inf


def test_nwot_is_minus_infinity_without_relus():
    assert proxies["nwot"](probe_of(linear([[1, 2], [3, 5]]))) == -math.inf


def test_epsinas_of_two_known_rows():
    low_B, high_B = torch.tensor([0.0, 1, 2, 4]), torch.tensor([0.0, 3, 1, 4])

    assert score_of_outputs(low_B, high_B) == pytest.approx(0.4)


def test_epsinas_of_a_map_with_one_hidden_unit():
    """f_w(x) = w (x + w x^2) for x = 1, 2, 3, with w towards 0 and w = 1."""
    low_B, high_B = torch.tensor([1.0, 2, 3]), torch.tensor([2.0, 6, 12])

    assert score_of_outputs(low_B, high_B) == pytest.approx(0.0689655, abs=1e-7)


def test_epsinas_is_zero_for_a_homogeneous_network():
    layers = [linear([[1, 2]], bias=[3]), nn.ReLU(), linear([[1]])]
    probe = probe_of(*layers, x=((1.0, 2.0), (2.0, 2.0), (4.0, 5.0)), labels=(0, 1, 0))

    assert proxies["epsinas"](probe, low=0.5, high=2.0) == pytest.approx(0, abs=1e-12)


def test_epsinas_is_nan_when_all_outputs_are_equal():
    assert math.isnan(score_of_outputs(torch.ones(4), torch.arange(4.0)))
