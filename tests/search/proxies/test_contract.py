"""What every proxy keeps to, on every space."""

import math
from contextlib import nullcontext
from functools import cache, partial

import numpy as np
import pytest
import torch

from search.errors import NotApplicableError
from search.networks import networks
from search.parameters import parameter_model, schema_of
from search.probe import Batch, Probe
from search.proxies import proxies
from search.spaces import spaces
from search.traits import traits_of

CPU = torch.device("cpu")
SHAPE = (3, 16, 16)
CELL = (3, 1, 2, 4, 3, 2)
DISCONNECTED = {"none but dead edges": (3, 3, 1, 0, 0, 0), "nothing at all": (0,) * 6}

PARAMS = {
    "linear_regions": {"images": 50, "repeats": 1},
    "ntk_condition_number": {"repeats": 1},
    "swap": {"repeats": 2},
    "swap_regularised": {"repeats": 2, "mu": 1},
    "zen": {"repeats": 2},
}
# Few enough units and many images: some share a linear region, and codes differ by draw.
SHAPES = dict.fromkeys(("linear_regions", "swap", "swap_regularised"), (3, 4, 4))
CELLS = dict.fromkeys(SHAPES, (0, 0, 0, 1, 0, 0))
CELL_PARAMS = PARAMS | {"linear_regions": {"images": 5000, "repeats": 1}}

RECURRENT = dict.fromkeys(("az_expressivity", "az_progressivity", "az_trainability"), "blocks")
RECURRENT |= {
    "linear_regions": "no ReLU",
    "meco": "maps",
    "zen": "last_features",
}
RECURRENT |= dict.fromkeys(("swap", "swap_regularised"), "no ReLU on maps")
ONE_PIXEL = dict.fromkeys(("gradsign", "logsynflow_freerea", "meco"), "one value to a channel")
TRANSFORMER = {"linear_regions": "no ReLU", "meco": "maps", "zen": "no batch norm"}
TRANSFORMER |= dict.fromkeys(("swap", "swap_regularised"), "no ReLU on maps")
NOT_APPLICABLE = {
    **{("nasbench_nlp", name): reason for name, reason in RECURRENT.items()},
    **{("mobile", name): reason for name, reason in ONE_PIXEL.items()},
    **{("vit", name): reason for name, reason in TRANSFORMER.items()},
}


def smallest(name):
    """The least value of every parameter of a network builder."""
    fields = schema_of(networks[name])["properties"]
    return {field: schema["minimum"] for field, schema in fields.items() if "minimum" in schema}


def small_arch(space):
    """A random arch; where even that is large, the first."""
    if space == "mobile":
        return spaces[space].at(0)
    return spaces[space].sample(np.random.default_rng(2))


def batch_of(labels=(0, 1, 2, 0, 1, 2, 2, 1), drawn=7, shape=SHAPE):
    x_BCHW = torch.randn(8, *shape, generator=torch.Generator().manual_seed(drawn))
    return Batch(x_BCHW, torch.tensor(labels), num_classes=3)


def probe_of(space, arch, *, seed=0, batch=None, **params):
    batch = batch or batch_of()
    shape, params = tuple(batch.x_BCHW.shape[1:]), smallest(space) | params
    build = partial(networks[space], arch, shape=shape, device=CPU, **params)
    return Probe(
        build, batch, seed=seed, further_batch=lambda place: batch_of(drawn=place, shape=shape)
    )


def score_of(name, probe):
    return proxies[name](probe, **PARAMS.get(name, {}))


def score_of_cell(name, *, seed=0, **batch):
    """The score of one connected cell on a batch that is drawn so."""
    images = batch_of(shape=SHAPES.get(name, SHAPE), **batch)
    cell, channels = CELLS.get(name, CELL), 1 if name in SHAPES else 3
    probe = probe_of("nasbench201", cell, seed=seed, batch=images, channels=channels)
    return proxies[name](probe, **CELL_PARAMS.get(name, {}))


@cache
def shared_probe(space):
    """One for all proxies, as in a search."""
    return probe_of(space, small_arch(space))


@cache
def scores_on_one_probe():
    """Of the cell, all of them, last name first."""
    probe = probe_of("nasbench201", CELL)
    return {name: score_of(name, probe) for name in reversed(list(proxies))}


@pytest.fixture(params=proxies)
def name(request):
    return request.param


@pytest.fixture(params=spaces)
def space(request):
    return request.param


def test_every_proxy_scores_every_space_with_a_float_or_says_why_not(name, space):
    reason = NOT_APPLICABLE.get((space, name))
    expected = pytest.raises(NotApplicableError, match=reason) if reason else nullcontext()

    with expected:
        assert type(score_of(name, shared_probe(space))) is float


def test_equal_seed_gives_equal_value(name):
    assert score_of_cell(name) == pytest.approx(score_of_cell(name), rel=0, abs=0, nan_ok=True)


def test_value_does_not_depend_on_what_else_is_measured(name):
    alone = score_of(name, probe_of("nasbench201", CELL))

    assert scores_on_one_probe()[name] == pytest.approx(alone, rel=1e-6, nan_ok=True)


def test_declared_dependence_on_the_seed_is_true(name):
    first, second = (score_of_cell(name, seed=seed) for seed in (0, 1))

    assert (first != second) == ("seed" in traits_of(proxies[name]).depends_on)


def test_declared_dependence_on_the_data_is_true(name):
    first, second = (score_of_cell(name, **batch) for batch in ({}, {"drawn": 8}))

    assert (first != second) == ("data" in traits_of(proxies[name]).depends_on)


def test_labels_are_read_only_where_declared(name):
    first, second = (
        score_of_cell(name, labels=labels)
        for labels in ((0, 1, 2, 0, 1, 2, 2, 1), (2, 2, 1, 1, 0, 0, 1, 2))
    )

    assert (first != second) == traits_of(proxies[name]).needs_labels


@pytest.mark.parametrize("arch", DISCONNECTED.values(), ids=DISCONNECTED)
def test_disconnected_cells_do_not_raise(name, arch):
    assert type(score_of(name, probe_of("nasbench201", arch))) is float


def test_global_generators_are_not_touched(name):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()

    score_of(name, probe_of("nasbench201", CELL))

    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])


def test_neither_network_nor_batch_is_changed(name):
    batch = batch_of()
    net = probe_of("nasbench201", CELL).network
    tensors = {**net.state_dict(), "x": batch.x_BCHW, "y": batch.y_B}
    before = {key: tensor.clone() for key, tensor in tensors.items()}

    score_of(
        name, Probe(lambda **_: net, batch, seed=0, further_batch=lambda _: batch_of(drawn=1))
    )

    torch.testing.assert_close(tensors, before, rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not batch.x_BCHW.requires_grad
    assert not any(module._forward_hooks for module in net.modules())


def spoiled(module, at, value):
    """Have the network's *module* give *value* in one place, to whoever runs it."""

    def spoil(_module, _inputs, y):
        y = y.clone()
        y[at] = value
        return y

    module.register_forward_hook(spoil)


def spoiled_probe(find, at, value):
    batch = batch_of()

    def build(**given):
        net = networks["nasbench201"](CELL, shape=SHAPE, device=CPU, channels=4, cells=1, **given)
        spoiled(find(net), at, value)
        return net

    return Probe(build, batch, seed=0, further_batch=lambda place: batch_of(drawn=place))


RUN_NOTHING = {name for name in proxies if traits_of(proxies[name]).passes == "none"}
# The gradients of logits, which may be finite where a logit is not. What synaptic flow adds up
# at the last layer are the logits, and epsinas leaves out what is nan, as its authors do.
OF_LOGITS = {"croze", "epe_nas", "fisher", "grad_norm", "grad_norm_global", "gradsign", "grasp"}
OF_LOGITS |= {"jacob_cov", "ntk_condition_number", "plain", "snip", "zico"}


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("block", [0, -1], ids=["stem", "last cell"])
@pytest.mark.parametrize("name", sorted(set(proxies) - RUN_NOTHING))
def test_what_is_not_finite_inside_a_network_leaves_no_score(name, block, value):
    probe = spoiled_probe(lambda net: net.feature_blocks[block], (0, 0, 0, 0), value)

    score = score_of(name, probe)

    assert not math.isfinite(score)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", sorted(OF_LOGITS))
def test_logits_that_are_not_finite_leave_no_score(name, value):
    probe = spoiled_probe(lambda net: net, (0, 0), value)

    score = score_of(name, probe)

    assert not math.isfinite(score)


OF_SUMS_OVER_BATCHES = ("epe_nas", "gradsign", "jacob_cov", "ntk_condition_number")


@pytest.mark.parametrize("space", ["cell_27", "cell_64", "elastic_tiny"])
@pytest.mark.parametrize("name", OF_SUMS_OVER_BATCHES)
def test_rounding_is_no_score(name, space):
    """A batch norm and a mean over pixels at the end give every batch the same sum of logits."""
    assert not math.isfinite(score_of(name, shared_probe(space)))


@pytest.mark.parametrize("space", ["nasbench101", "nasbench201", "nasbench_macro", "vit"])
@pytest.mark.parametrize("name", OF_SUMS_OVER_BATCHES)
def test_where_sums_depend_on_the_batch_there_is_a_score(name, space):
    assert math.isfinite(score_of(name, shared_probe(space)))


def test_traits_and_parameters_can_be_shown(name):
    traits = traits_of(proxies[name])

    assert traits.source
    assert traits.passes
    assert traits.fails_on
    assert parameter_model(proxies[name])() is not None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_value_on_cuda_is_close_to_that_on_the_cpu(name):
    build = partial(networks["nasbench201"], CELL, shape=SHAPE, channels=4, cells=1)
    probes = (
        Probe(
            partial(build, device=torch.device(device)),
            batch_of(),
            seed=0,
            device=device,
            further_batch=lambda place: batch_of(drawn=place),
        )
        for device in ("cpu", "cuda")
    )
    values = [score_of(name, probe) for probe in probes]

    assert values[1] == pytest.approx(values[0], rel=0.02, abs=1e-3, nan_ok=True)


def one_that_is_not_pruned(space):
    """An arch with choices that take no part, and the canonical member of its class."""
    rng = np.random.default_rng(3)
    drawn = (spaces[space].mutate(spaces[space].sample(rng), rng) for _ in range(1000))
    pairs = ((arch, spaces[space].canonical(arch, "pruned")) for arch in drawn)
    return next((arch, canonical) for arch, canonical in pairs if arch != canonical)


@pytest.mark.parametrize("space", ["mobile", "nasbench_nlp", "vit"])
def test_scores_shared_under_pruned_are_of_networks_that_are_one(space):
    """Under one seed; so every proxy may share them."""
    nets = [probe_of(space, arch, seed=5).network for arch in one_that_is_not_pruned(space)]

    first, second = (list(net.state_dict().values()) for net in nets)
    outputs = [net(batch_of().x_BCHW) for net in nets]

    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(*outputs, rtol=0, atol=0, equal_nan=True)


def test_proxies_share_scores_under_nothing_coarser_than_is_tested_for_them(name):
    tested = {"epsinas": "zero_aware"}  # in tests/search/test_collapse.py

    assert traits_of(proxies[name]).equivalence in ("exact", tested.get(name, "pruned"))


def test_epsinas_alone_builds_one_network():
    probe, built = probe_of("nasbench101", small_arch("nasbench101")), []
    build = probe._build
    probe._build = lambda **given: built.append(given) or build(**given)

    score_of("epsinas", probe)

    assert [given["num_classes"] for given in built] == [1]


DEFINED = {"cell_27", "cell_64", "darts", "elastic_tiny", "nasbench101", "nasbench201"}
DEFINED |= {"nasbench_nlp"}


@pytest.mark.parametrize("space", sorted(DEFINED))
def test_epsinas_is_defined_under_the_constants_of_a_space(space):
    rng = np.random.default_rng(0)
    archs = [spaces[space].sample(rng) for _ in range(6)]

    values = [score_of("epsinas", probe_of(space, arch)) for arch in archs]

    assert np.isfinite(values).sum() >= 3
