"""What every proxy keeps to, on every space."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from search.networks import networks
from search.parameters import parameter_model, schema_of
from search.probe import Batch, Probe
from search.proxies import proxies
from search.spaces import spaces
from search.traits import traits_of

SHAPE = (3, 32, 32)


def smallest(name):
    """The least value of every parameter of a network builder."""
    fields = schema_of(networks[name])["properties"]
    return {field: schema["minimum"] for field, schema in fields.items() if "minimum" in schema}


def batch_of(labels=(0, 1, 2, 0)):
    x_BCHW = torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(7))
    return Batch(x_BCHW, torch.tensor(labels), num_classes=3)


def probe_of(space, arch, *, seed=0, batch=None):
    build = partial(
        networks[space], arch, shape=SHAPE, device=torch.device("cpu"), **smallest(space)
    )
    return Probe(build, batch or batch_of(), seed=seed)


@pytest.fixture(params=proxies)
def name(request):
    return request.param


@pytest.fixture(params=spaces)
def space(request):
    return request.param


@pytest.fixture
def arch(space):
    return spaces[space].sample(np.random.default_rng(2))


def test_every_proxy_scores_every_space_with_a_float(name, space, arch):
    assert type(proxies[name](probe_of(space, arch))) is float


def test_equal_seed_gives_equal_value(name):
    first, second = (proxies[name](probe_of("nasbench201", (3, 1, 2, 4, 3, 2))) for _ in range(2))

    assert first == second or (math.isnan(first) and math.isnan(second))


def test_value_does_not_depend_on_what_was_measured_before(name):
    probe = probe_of("nasbench201", (3, 1, 2, 4, 3, 2))
    alone = proxies[name](probe_of("nasbench201", (3, 1, 2, 4, 3, 2)))

    after_all_others = [proxies[other](probe) for other in proxies if other != name]

    assert len(after_all_others) == len(proxies) - 1
    assert proxies[name](probe) == pytest.approx(alone, rel=1e-6, nan_ok=True)


def test_declared_dependence_on_the_seed_is_true(name):
    first, second = (
        proxies[name](probe_of("nasbench201", (3, 1, 2, 4, 3, 2), seed=seed)) for seed in (0, 1)
    )

    assert (first != second) == ("seed" in traits_of(proxies[name]).depends_on)


def test_declared_dependence_on_the_data_is_true(name):
    batch = batch_of()
    other = Batch(batch.x_BCHW.flip(0).square(), batch.y_B, batch.num_classes)
    first, second = (
        proxies[name](probe_of("nasbench201", (3, 1, 2, 4, 3, 2), batch=b)) for b in (batch, other)
    )

    assert (first != second) == ("data" in traits_of(proxies[name]).depends_on)


def test_labels_are_read_only_where_declared(name):
    first, second = (
        proxies[name](probe_of("nasbench201", (3, 1, 2, 4, 3, 2), batch=batch_of(labels)))
        for labels in ((0, 1, 2, 0), (2, 2, 1, 1))
    )

    assert (first != second) == traits_of(proxies[name]).needs_labels


def test_disconnected_cells_do_not_raise(name):
    assert isinstance(proxies[name](probe_of("nasbench201", (3, 3, 1, 0, 0, 0))), float)


def test_global_generators_are_not_touched(name):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()

    proxies[name](probe_of("nasbench201", (3, 1, 2, 4, 3, 2)))

    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])


def test_neither_network_nor_batch_is_changed(name):
    batch = batch_of()
    net = probe_of("nasbench201", (3, 1, 2, 4, 3, 2)).network
    tensors = {**net.state_dict(), "x": batch.x_BCHW, "y": batch.y_B}
    before = {key: tensor.clone() for key, tensor in tensors.items()}

    proxies[name](Probe(lambda **_: net, batch, seed=0))

    torch.testing.assert_close(tensors, before, rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not batch.x_BCHW.requires_grad
    assert not any(module._forward_hooks for module in net.modules())


def test_traits_and_parameters_can_be_shown(name):
    traits = traits_of(proxies[name])

    assert traits.source
    assert traits.passes
    assert parameter_model(proxies[name])() is not None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_value_on_cuda_is_close_to_that_on_the_cpu(name):
    arch = (3, 1, 2, 4, 3, 2)
    build = partial(networks["nasbench201"], arch, shape=SHAPE, channels=4, cells=1)
    values = [
        proxies[name](
            Probe(partial(build, device=torch.device(device)), batch_of(), seed=0, device=device)
        )
        for device in ("cpu", "cuda")
    ]

    assert values[1] == pytest.approx(values[0], rel=0.02, abs=1e-3, nan_ok=True)
