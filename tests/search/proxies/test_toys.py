"""Every proxy against values computed by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from search.block_statistics import entropy, least_growth, spectral_entropy, trainability
from search.errors import NotApplicableError
from search.networks._nasbench_nlp import Network
from search.neuron_codes import neuron_codes
from search.probe import Batch, Probe
from search.proxies import proxies
from search.proxies.epe_nas import score_of_correlations
from search.proxies.epsinas import score_of_outputs
from search.proxies.gradsign import score_of_sums
from search.proxies.jacob_cov import score_of_correlation
from search.proxies.linear_regions import Regions
from search.proxies.meco import least_eigenvalue
from search.proxies.zico import score_of_gradients as zico_of
from search.recurrent_outputs import recurrent_output


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
    ((_, u_BO),) = two_logits.channel_products

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


@pytest.mark.parametrize("seed", range(4))
def test_nwot_is_minus_infinity_for_two_equal_codes_among_many(seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(64, 500, generator=generator)
    x[9] = x[41]

    assert proxies["nwot"](probe_of(nn.ReLU(), x=x.tolist(), labels=(0,) * 64)) == -math.inf


def test_nwot_is_minus_infinity_for_more_images_than_units_tell_apart():
    """Eight different codes of three units: the matrix has a rank of four."""
    x = [[1.0 if number >> unit & 1 else -1.0 for unit in range(3)] for number in range(8)]

    assert proxies["nwot"](probe_of(nn.ReLU(), x=x, labels=(0,) * 8)) == -math.inf


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


def test_epsinas_of_a_recurrent_layer_fills_biases_and_first_states_too():
    """h' = w (sum of the embedded token) + w (sum of h) + w, for two units and two columns."""
    recipe = {"h_new_0": {"op": "linear", "input": ["x", "h_prev_0"]}}
    net, x_BCHW = Network(recipe, features=1, num_classes=1, embedding=2), torch.ones(1, 1, 1, 2)
    x_BCHW[..., 1] = 3
    embedded = float(torch.rand(2, 1, generator=torch.Generator().manual_seed(21)).sum())
    w = 0.1

    first = w * (embedded + 2 * w + 1)
    second = w * (3 * embedded + 2 * first + 1)

    assert recurrent_output(net, x_BCHW, w).tolist() == pytest.approx([first, second])


def test_synflow_log_is_the_logarithm_of_the_flow():
    probe = probe_of(linear([[1, -2], [3, 0.5]]), nn.ReLU(), linear([[2, -1]]))

    assert proxies["synflow_log"](probe) == pytest.approx(2.944439, abs=1e-6)


def test_synflow_log_is_minus_infinity_when_nothing_flows():
    assert proxies["synflow_log"](probe_of(linear([[0, 0]]))) == -math.inf


def test_logsynflow_freerea_of_a_chain():
    probe = probe_of(linear([[1, -2], [3, 0.5]]), nn.ReLU(), linear([[2, -1]]))

    assert proxies["logsynflow_freerea"](probe) == pytest.approx(9.998518, abs=1e-6)


def test_logsynflow_freerea_keeps_norms_that_synflow_leaves_out():
    layers = (linear([[1, 2], [3, 5]]), nn.Unflatten(1, (1, 2)), nn.BatchNorm1d(1).double())
    probe = probe_of(*layers, nn.Flatten(), linear([[1, 2]]))

    assert proxies["synflow"](probe) > 0
    assert math.isfinite(proxies["logsynflow_freerea"](probe))
    # the norm makes both channels sum to 0, so that the gradients are of both signs
    assert proxies["logsynflow_freerea"](probe) != proxies["logsynflow_freerea"](
        probe_of(*layers[:2], nn.Flatten(), linear([[1, 2]]))
    )


EPE_ROWS = ([1.0, 0, -1, 0], [1.0, 1, -1, -1])


@pytest.mark.parametrize(
    ("classes", "num_classes", "value"),
    [
        ([EPE_ROWS], 10, 0.6930989),
        ([EPE_ROWS, EPE_ROWS[:1]], 10, 0.6930989 + 9.99995e-6),
        ([EPE_ROWS], 200, 0.0),
        ([EPE_ROWS, EPE_ROWS[:1]], 200, 0.6930989 / 4 + 9.99995e-6),  # twice the difference, by 2
    ],
)
def test_epe_nas_of_known_gradients(classes, num_classes, value):
    correlations = [np.atleast_2d(np.corrcoef(np.array(rows))) for rows in classes]

    assert score_of_correlations(correlations, num_classes) == pytest.approx(value, abs=1e-7)


def test_epe_nas_groups_by_label():
    """Two images of one class have equal gradients: log(1 + k) four times."""
    x = ((1.0, 2.0), (2.0, 1.0))
    together, apart = (
        proxies["epe_nas"](probe_of(linear([[1, 2], [3, 5]]), x=x, labels=labels))
        for labels in ((1, 1), (0, 1))
    )

    assert together == pytest.approx(4 * math.log1p(1e-5))
    assert apart == pytest.approx(2 * math.log1p(1e-5))


def test_zico_of_two_batches_of_gradients():
    gradients = [[torch.tensor([1.0, -1, 2])], [torch.tensor([3.0, 1, 2])]]

    assert zico_of(gradients) == pytest.approx(1.0986123, abs=1e-7)


def test_zico_leaves_out_layers_without_a_varying_gradient():
    varying = [[torch.tensor([1.0, -1, 2])], [torch.tensor([3.0, 1, 2])]]
    constant = [[*layers, torch.ones(2)] for layers in varying]

    assert zico_of(constant) == zico_of(varying)


def test_zico_reads_other_images():
    batch = Batch(torch.eye(2, dtype=torch.float64), torch.tensor([0, 1]), num_classes=2)
    other = Batch(2 * batch.x_BCHW, batch.y_B, num_classes=2)
    net = nn.Sequential(linear([[0, 0], [0, 0]]))
    probe = Probe(lambda **_: net, batch, seed=0, further_batch=lambda _: other)

    # gradients g and 2 g, so that mean over deviation is 3 for every one of four weights
    assert proxies["zico"](probe) == pytest.approx(math.log(12))


def test_gradsign_of_the_gradients_of_three_images():
    signs = torch.tensor([[1.0, -1, 2], [3, -1, 2], [-1, -3, 2]]).sign()

    assert score_of_sums([signs.sum(dim=0)]) == pytest.approx(7 / 3)


def test_what_is_not_finite_is_undefined_and_no_score():
    broken = probe_of(linear([[math.nan, 1], [0, 1]], bias=[0, 0]))

    assert math.isnan(proxies["gradsign"](broken))
    assert math.isnan(proxies["synflow_log"](broken))


def test_gradsign_looks_at_every_image_alone():
    """Of label 0 and input e_i the gradient of weight (k, i) is -1/2 for k = 0, 1/2 for k = 1."""
    probe = probe_of(linear([[0, 0], [0, 0]]), x=((1.0, 0.0), (1.0, 1.0)), labels=(0, 1))

    assert proxies["gradsign"](probe) == pytest.approx((0 + 1 + 0 + 1) / 4)


def test_ntk_condition_number_of_a_linear_network():
    x, layer = ((1.0, 0.0), (0.0, 2.0)), linear([[1, 2], [3, 4]])

    assert proxies["ntk_condition_number"](probe_of(layer, x=x, labels=(0, 1))) == pytest.approx(4)


def test_ntk_condition_number_is_infinite_for_equal_images():
    x, layer = ((1.0, 2.0), (1.0, 2.0)), linear([[1, 2], [3, 4]])

    assert proxies["ntk_condition_number"](probe_of(layer, x=x, labels=(0, 1))) == math.inf


@pytest.mark.parametrize(("rows", "count"), [((0, 1, 2), 3), ((0, 1, 2, 0), 3)])
def test_linear_regions_are_different_rows(rows, count):
    regions = Regions(len(rows))

    regions.note(torch.tensor([CODES[row] for row in rows]))

    assert regions.count == count


def test_linear_regions_of_several_relus_go_together():
    regions = Regions(2)

    regions.note(torch.tensor([[1.0, -1], [1, -1]]))
    regions.note(torch.tensor([[1.0], [-1]]))

    assert regions.count == 2


@pytest.mark.parametrize(
    ("codes", "count"), [(CODES, 4), (((1, 1, 1, 0), (1, 1, 0, 0), (0, 0, 1, 0)), 3)]
)
def test_swap_counts_different_columns(codes, count):
    """Of the samples' codes; four units, then as many of which two are alike."""
    assert len(neuron_codes(torch.tensor(codes)).unique()) == count


def relu_on_maps(x):
    """A network of one ReLU whose maps are the images, whatever weights are drawn."""
    layers = (nn.Unflatten(1, (len(x[0]), 1, 1)), nn.ReLU(), nn.Flatten())
    return probe_of(*layers, x=x, labels=(0,) * len(x))


def test_swap_of_a_relu_on_maps():
    assert proxies["swap"](relu_on_maps(CODES)) == 4


def test_swap_does_not_apply_to_relus_on_vectors():
    with pytest.raises(NotApplicableError, match="no ReLU on maps"):
        proxies["swap"](probe_of(nn.ReLU(), x=CODES, labels=(0, 1, 0)))


def test_swap_regularised_is_damped_by_the_distance_from_the_wanted_size():
    x, flatten = CODES, (nn.Unflatten(1, (4, 1, 1)), nn.ReLU(), nn.Flatten())
    probe = probe_of(*flatten, linear(np.ones((500, 4))), x=x, labels=(0, 1, 0))  # 2,000 weights

    assert proxies["swap_regularised"](probe, mu=2, sigma=1) == pytest.approx(4)
    assert proxies["swap_regularised"](probe, mu=5, sigma=4.5) == pytest.approx(4 * math.exp(-2))


def test_meco_of_two_channels():
    maps_CA = torch.tensor([[1.0, 2, 3, 4], [1, -1, 1, -1]])

    assert least_eigenvalue(maps_CA) == pytest.approx(0.5527864, abs=1e-7)


@pytest.mark.parametrize("maps", [[[1.0, 1], [2, 2]], [[3.0], [4]]])
def test_meco_of_constant_maps_is_zero(maps):
    assert least_eigenvalue(torch.tensor(maps)) == 0


def test_meco_adds_up_over_all_modules_of_the_first_image():
    x = (1.0, 2, 3, 4, 1, -1, 1, -1), (0.0,) * 8
    net = nn.Sequential(nn.Unflatten(1, (2, 2, 2)), nn.Sequential(nn.Identity()), nn.Flatten())
    probe = probe_of(net, x=x, labels=(0, 1))

    assert proxies["meco"](probe, images=2) == pytest.approx(3 * 0.5527864, abs=1e-6)


def test_meco_scales_up_what_it_samples():
    x = (tuple(range(8)),)
    layers = (nn.Unflatten(1, (4, 1, 2)), nn.Flatten())

    # one channel sampled of four has the correlation matrix [1]
    assert proxies["meco"](probe_of(*layers, x=x), sampled_channels=1) == pytest.approx(4)


def test_az_expressivity_of_an_isotropic_covariance():
    assert spectral_entropy(3 * torch.eye(16, dtype=torch.float64)) == pytest.approx(
        2.7725885, abs=1e-6
    )


def test_az_expressivity_of_features_that_fill_one_direction_is_zero():
    feature_BCHW = torch.randn(64, 1, 4, 4, dtype=torch.float64).repeat(1, 3, 1, 1)

    assert entropy(feature_BCHW) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("factor", "value"), [(2, -0.49999975), (0.5, -0.499996), (1.5, -0.1666662)]
)
def test_az_trainability_of_a_block_that_scales(factor, value):
    signs = torch.tensor([[1.0, 1], [1, -1]], dtype=torch.float64).reshape(2, 2, 1, 1)

    assert trainability(factor * signs, signs) == pytest.approx(value, abs=1e-7)


class Blocks(nn.Sequential):
    """A network that names its parts as blocks."""

    @property
    def feature_blocks(self):
        return list(self)[:-1]

    @property
    def last_features(self):
        return self[-2]


class Scaling(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x_BCHW):
        return x_BCHW * self.factor


def blocks_of(*blocks, size=2):
    batch = Batch(torch.randn(4, 3, size, size), torch.zeros(4, dtype=torch.int64), num_classes=2)
    net = Blocks(nn.Identity(), *blocks, nn.Flatten())
    return Probe(lambda **_: net, batch, seed=0)


@pytest.mark.parametrize("factor", [2, 0.5])
def test_az_trainability_of_a_network_of_scaling_blocks(factor):
    """The singular value of random signs lies a little above the factor."""
    exact = 2 - factor - 1 / factor

    value = proxies["az_trainability"](blocks_of(Scaling(factor), Scaling(factor)), images=1024)

    assert value == pytest.approx(exact, abs=0.1)


def test_az_trainability_of_the_identity_is_minus_infinity():
    assert proxies["az_trainability"](blocks_of(Scaling(1.0))) == -math.inf


def test_az_trainability_of_a_pool_reads_four_pixels_as_channels():
    """Each of four pixels has a quarter of the signs' singular value: together a half."""
    probe = blocks_of(nn.AvgPool2d(2), size=4)

    assert proxies["az_trainability"](probe, images=1024) == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize("size", [3, 5])
def test_az_trainability_takes_maps_that_do_not_divide(size):
    probe = blocks_of(nn.Conv2d(3, 3, 3, stride=2, padding=1), size=size)

    assert math.isfinite(proxies["az_trainability"](probe))


def test_az_trainability_needs_maps_that_shrink_by_a_whole_factor():
    with pytest.raises(NotApplicableError, match=r"\(5, 5\) into maps of \(4, 4\)"):
        proxies["az_trainability"](blocks_of(nn.Conv2d(3, 3, 2), size=5))


def test_az_progressivity_is_the_least_growth():
    assert least_growth([1, 4, 4.5, 7]) == 0.5


def test_az_parts_share_one_pass():
    probe = blocks_of(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1))
    passes = []
    probe.network.register_forward_pre_hook(lambda *_: passes.append(1))

    for part in ("expressivity", "progressivity", "trainability"):
        proxies[f"az_{part}"](probe)

    assert len(passes) == 1


def test_zen_of_the_identity():
    """log of the mean of 3,072 absolute differences of a hundredth of a normal value."""
    assert proxies["zen"](blocks_of(size=32), images=64) == pytest.approx(3.199123, abs=0.01)


def test_zen_adds_the_scales_of_running_variances_that_its_passes_have_moved():
    """Two passes of variance v leave .81 + .19 v, and the norm takes the scale of features out."""
    probe = blocks_of(Scaling(10.0), nn.BatchNorm2d(3), size=32)
    plain = proxies["zen"](blocks_of(size=32), images=64, repeats=1)

    value = proxies["zen"](probe, images=64, repeats=1)

    assert value == pytest.approx(plain + 0.5 * math.log(0.81 + 0.19 * 100), abs=0.01)


def test_zen_needs_running_statistics():
    with pytest.raises(NotApplicableError, match="running statistics"):
        proxies["zen"](blocks_of(nn.BatchNorm2d(3, track_running_stats=False)))


def test_grad_norm_global_is_the_norm_of_all_gradients_together():
    """Of a bias alone, that noise does not reach: p - y for zero logits."""
    net = nn.Sequential(nn.Flatten(), Bias(2))
    batch = Batch(torch.ones(4, 3, 2, 2), torch.zeros(4, dtype=torch.int64), num_classes=2)
    probe = Probe(lambda **_: net, batch, seed=0)
    labels = torch.randint(2, (8,), generator=probe.generator("labels", "grad_norm_global"))
    share = float((labels == 0).double().mean())

    value = proxies["grad_norm_global"](probe, images=8)

    assert value == pytest.approx(math.sqrt(2) * abs(0.5 - share), abs=1e-6)


class Bias(nn.Module):
    """Two logits that do not depend on the image."""

    def __init__(self, num_classes):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(num_classes))

    def forward(self, x_BI):
        return self.bias.expand(len(x_BI), -1)


def test_croze_of_one_layer_that_nothing_moves():
    """Equal logits and labels: gradients are zero, so that weights and outputs stay alike."""
    probe = probe_of(linear([[1, 1]]), x=((1.0, 2.0),), labels=(0,))

    assert proxies["croze"](probe) == 0


def test_croze_of_one_linear_layer():
    """The reconstruction, step by step."""
    probe = probe_of(linear([[1, -2], [3, 0.5]]), x=((1.0, 2.0), (3.0, -1.0)), labels=(0, 1))
    x_BI, y_BK, w_OI = np.array([[1.0, 2], [3, -1]]), np.eye(2), np.array([[1, 2], [3, 0.5]])

    g_OI, g_BI = gradients(w_OI, x_BI, y_BK)
    moved_BI = np.clip(x_BI + 0.01 * np.sign(g_BI), -1, 3)
    uphill_OI, _ = gradients(w_OI, moved_BI, y_BK)
    away_OI = w_OI + 2 * np.linalg.norm(w_OI) / np.linalg.norm(uphill_OI) * uphill_OI
    robust_OI, _ = gradients(away_OI, moved_BI, y_BK)
    value = (1 + cosines(away_OI, w_OI)).sum() * np.abs(cosines(robust_OI, g_OI)).sum()
    value *= (1 + cosines(moved_BI @ away_OI.T, x_BI @ w_OI.T)).sum()

    assert proxies["croze"](probe) == pytest.approx(value)


def gradients(w_OI, x_BI, y_BK):
    """Of the mean cross entropy of a linear layer, for its weights and images."""
    e_BK = np.exp(x_BI @ w_OI.T)
    residual_BK = (e_BK / e_BK.sum(axis=1, keepdims=True) - y_BK) / len(x_BI)
    return residual_BK.T @ x_BI, residual_BK @ w_OI


def cosines(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
