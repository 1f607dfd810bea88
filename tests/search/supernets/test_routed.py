"""Routed experts against values computed by hand."""

from functools import partial

import pytest
import torch

from search.spaces import spaces
from search.supernets.mix import mixture, onehot
from search.supernets.sources import sources
from search.supernets.sources.routed import Routed, Router, _mixed
from tests.search.supernets.conftest import small
from tests.search.supernets.test_training import assert_equal, finished, of, weights

FIRST, SECOND = torch.tensor([[1.0, 0], [0, 1]]), torch.tensor([[0, 2.0], [2, 0]])
TINY = spaces["elastic_tiny"]


def make(**settings):
    settings = {"inner": sources["entangled"], "space": TINY} | settings
    return partial(Routed, **settings)


def test_layers_and_neurons_are_mixed_as_by_hand():
    layer = _mixed([FIRST, SECOND], torch.tensor([[0.25, 0.75]]))
    neuron = _mixed([FIRST, SECOND], torch.tensor([[0.25, 0.75], [1, 0]]))

    assert layer.tolist() == [[0.25, 1.5], [1.5, 0.25]]
    assert neuron.tolist() == [[0.25, 1.5], [0, 1]]


@pytest.mark.parametrize("level", ["layer", "neuron"])
def test_slicing_then_mixing_equals_mixing_then_slicing(level):
    net = small("elastic_tiny", make(level=level))
    source, slot = net.source, net.slots["stages.0.1.narrow.0"]
    arch = (1, 1, 1, 0, 2, 1, 1, 1)
    shape = slot.shape_of(arch)
    shares = source.shares(slot, onehot(arch))

    whole = _mixed([p[0] for p in full_tensors(source, slot)], shares)
    mixed_then_sliced = whole[: shape[0], : shape[1]]

    torch.testing.assert_close(source.tensors(slot, onehot(arch))[0], mixed_then_sliced)


def full_tensors(source, slot):
    return [s._held[slot.name].both for s in (source.base, *source.experts)]


def test_one_expert_is_the_entangled_baseline_bit_for_bit():
    one = finished(of("mixture_of_supernets", experts=1, num_mid=2), "elastic_tiny")
    plain = finished(of("sandwich", distils=False, smoothing=0.1), "elastic_tiny")

    ours = {key.replace("source.base.", "source."): v for key, v in weights(one).items()}
    assert_equal(ours, weights(plain))


def test_architectures_share_weights_where_the_router_sees_no_difference():
    net = small("elastic_tiny", make())
    net.source.seen = lambda _mix, _device: torch.full((8,), 0.5)
    slot = net.slots["classifier"]
    first, second = ((0, 0, 0, 0, 2, 0, 0, 0), (3, 2, 2, 1, 2, 2, 2, 1))

    assert torch.equal(
        net.source.tensors(slot, onehot(first))[0], net.source.tensors(slot, onehot(second))[0]
    )


def test_routers_see_every_decision_from_0_to_1():
    source = small("elastic_tiny", make()).source
    halves = mixture([[1 / n] * n for n in (4, 3, 3, 2) * 2])

    assert source.seen(onehot((3, 1, 0, 1) * 2), "cpu").tolist() == [1, 0.5, 0, 1] * 2
    assert source.seen(halves, "cpu").tolist() == pytest.approx([0.5] * 8)


def test_routers_and_all_experts_learn():
    net = small("elastic_tiny", make())
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))

    net(x, onehot((3, 2, 2, 1) * 2))[:, 0].square().sum().backward()

    slot = net.slots["stem.0"]
    assert all(p.grad.abs().sum() > 0 for p in net.source.parameters_of(slot))
    assert net.source._routers["stem.0"].outer.weight.grad.abs().sum() > 0


def test_entropy_is_1_for_equal_shares():
    net = small("elastic_tiny", make())
    for router in net.source._routers.values():
        torch.nn.init.zeros_(router.outer.weight)
        torch.nn.init.zeros_(router.outer.bias)

    entropy = net.source.entropy((0,) * 8)

    assert set(entropy) == {name for name, s in net.slots.items() if s.kind != "norm"}
    assert list(entropy.values()) == pytest.approx([1.0] * len(entropy))


def test_architectures_that_are_mixed_alike_lie_0_apart():
    net = small("elastic_tiny", make())
    for router in net.source._routers.values():
        torch.nn.init.zeros_(router.outer.weight)

    distances = net.source.distances([(0,) * 8, (1,) * 8])

    assert set(distances.values()) == {0.0}
    assert net.source.distances([(0,) * 8]) == {}


def test_architectures_with_no_expert_in_common_lie_1_apart():
    net = small("elastic_tiny", make())
    archs = [(0,) * 8, (1,) * 8]
    for router in net.source._routers.values():
        torch.nn.init.zeros_(router.inner.weight)
        torch.nn.init.zeros_(router.inner.bias)
        router.inner.weight.data[0, 0] = 1.0  # the first unit sees the first decision
        torch.nn.init.zeros_(router.outer.weight)
        router.outer.weight.data[::2, 0] = 1e4
        torch.nn.init.zeros_(router.outer.bias)
        router.outer.bias.data[1::2] = 100.0

    distances = net.source.distances(archs)

    assert list(distances.values()) == pytest.approx([1.0] * len(distances))


def test_norms_are_not_routed():
    net = small("elastic_tiny", make())

    assert len(net.source.parameters_of(net.slots["stem.1"])) == 2


def test_shares_of_the_first_outputs_do_not_depend_on_how_many_there_are():
    seen = torch.tensor([0.2, 0.9])
    large, little = (Router(2, rows, 3, torch.Generator().manual_seed(0)) for rows in (5, 2))
    little.outer.weight.data.copy_(large.outer.weight[:6])
    little.outer.bias.data.copy_(large.outer.bias[:6])

    torch.testing.assert_close(large(seen)[:2], little(seen))
    torch.testing.assert_close(large(seen).sum(1), torch.ones(5))
