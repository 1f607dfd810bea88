"""Generated weights against counts and values computed by hand."""

import math
from functools import partial

import pytest
import torch

from search.spaces import spaces
from search.supernets.mix import mixture, onehot
from search.supernets.sources import sources
from search.supernets.sources.generated import Generated, KernelGenerator, is_inner_convolution
from tests.search.supernets.conftest import small

TINY = spaces["elastic_tiny"]


def make(space=TINY, **settings):
    return partial(Generated, inner=sources["entangled"], space=space, **settings)


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("size", "length", "embeddings", "count"),
    [(7, 4, 1, 4_244), (3, 64, 242, 91_408)],  # MNIST, and a wide residual net
)
def test_a_generator_has_as_many_parameters_as_counted(size, length, embeddings, count):
    made = KernelGenerator(size, length, generator())

    assert sum(p.numel() for p in made.parameters()) + embeddings * length == count


def test_kernels_of_every_input_are_the_embedding_times_the_second_layer():
    made = KernelGenerator(3, 1, generator())
    kernel = torch.randn(16 * 9, 1, generator=generator())
    made.first_weight.data.fill_(1.0)
    made.second_weight.data.copy_(kernel)

    kernels = made(torch.tensor([[2.5]]))

    for channel in range(16):
        torch.testing.assert_close(kernels[0, :, channel], 2.5 * kernel.view(16, 3, 3))


def test_swapping_embeddings_swaps_blocks():
    net = small("elastic_tiny", make())
    slot, mix = net.slots["stages.0.1.narrow.0"], onehot((3, 2, 2, 1) * 2)
    (embeddings,) = net.source.parameters_of(slot)
    before = net.source.tensors(slot, mix)[0].detach()

    embeddings.data = embeddings.data.flip(0)
    after = net.source.tensors(slot, mix)[0].detach()

    assert embeddings.shape[:2] == (2, 4)
    torch.testing.assert_close(after, torch.cat([before[16:], before[:16]]))
    assert not torch.equal(after, before)


def test_other_architectures_get_other_weights_unless_they_are_not_seen():
    archs = (0, 2, 2, 1, 3, 2, 2, 1), (0, 2, 2, 1, 3, 2, 2, 0)
    for sees_archs in (True, False):
        net = small("elastic_tiny", make(sees_archs=sees_archs))
        slot = net.slots["stages.0.1.narrow.0"]
        first, second = (net.source.tensors(slot, onehot(arch))[0] for arch in archs)
        assert torch.equal(first, second) is not sees_archs


def test_first_weights_have_the_size_of_he():
    net = small("elastic_tiny", make(sees_archs=False))
    slot = net.slots["stages.1.2.widen.0"]

    with torch.no_grad():
        weight, _ = net.source.tensors(slot, onehot((3, 2, 2, 1) * 2))

    assert weight.std().item() == pytest.approx(math.sqrt(2 / slot.full_shape[1]), rel=1e-3)


def test_the_hypernetwork_learns_through_the_weights(images):
    net = small("elastic_tiny", make())

    net(images, onehot((1, 1, 1, 1) * 2))[:, 0].square().sum().backward()

    assert net.source.kernels["1"].first_weight.grad.abs().sum() > 0
    assert net.source.arch_weight.grad.abs().sum() > 0


def test_mixtures_are_generated_too(images):
    net = small("elastic_tiny", make())
    soft = mixture([[1 / n] * n for n in (4, 3, 3, 2) * 2])

    assert torch.isfinite(net(images, soft)).all()


def test_stem_depthwise_convolutions_and_norms_are_not_generated():
    net = small("elastic_tiny")
    generated = {name for name, slot in net.slots.items() if is_inner_convolution(slot)}

    assert generated == {
        f"stages.{s}.{b}.{part}.0"
        for s in (0, 1)
        for b in range(3)
        for part in ("widen", "narrow")
    }


def test_the_norm_is_the_mean_over_the_layers_that_an_architecture_has():
    net = small("nasbench201", make(spaces["nasbench201"]))
    arch = (3, 0, 2, 1, 0, 3)  # two convolutions of three by three, one of one by one
    mix, slots = onehot(arch), [s for s in net.slots.values() if is_inner_convolution(s)]
    here = [s for s in slots if not s.decisions or arch[s.decisions[0]] in (2, 3)]

    expected = [net.source.tensors(s, mix)[0].norm().item() for s in here]

    assert len(here) < len(slots)
    assert net.source.norm(arch) == pytest.approx(sum(expected) / len(expected))
