"""What every network builder keeps to."""

import numpy as np
import pytest
import torch

from search.networks import networks
from search.spaces import spaces

SHAPE = (3, 8, 8)


@pytest.fixture(params=networks)
def name(request):
    return request.param


@pytest.fixture
def arch(name):
    return spaces[name].sample(np.random.default_rng(0))


def build(name, arch, seed=0, device="cpu"):
    return networks[name](
        arch,
        shape=SHAPE,
        num_classes=7,
        generator=torch.Generator().manual_seed(seed),
        device=torch.device(device),
    )


def test_every_space_has_a_builder_of_its_name():
    assert set(networks) == set(spaces)


def test_network_gives_one_logit_for_each_class(name, arch):
    assert build(name, arch)(torch.zeros(2, *SHAPE)).shape == (2, 7)


def test_network_is_in_training_mode_and_has_no_meta_tensors(name, arch):
    net = build(name, arch)

    assert net.training
    assert not any(tensor.is_meta for tensor in net.state_dict().values())


def test_exported_code_makes_the_same_network_by_default(name, arch):
    exported = {"__name__": "exported"}
    exec(spaces[name].python_source(arch, shape=SHAPE, num_classes=7, params={}), exported)

    made, built = exported["net"].state_dict(), build(name, arch, device="meta").state_dict()

    assert {key: t.shape for key, t in made.items()} == {key: t.shape for key, t in built.items()}


def test_equal_seed_gives_equal_weights(name, arch):
    torch.testing.assert_close(
        build(name, arch).state_dict(), build(name, arch).state_dict(), rtol=0, atol=0
    )


def test_other_seed_gives_other_weights(name, arch):
    first, second = (next(build(name, arch, seed).parameters()) for seed in (0, 1))

    assert not torch.equal(first, second)


def test_global_generators_are_not_touched(name, arch):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()

    build(name, arch)

    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])


def test_network_on_meta_draws_nothing(name, arch):
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()

    networks[name](
        arch, shape=SHAPE, num_classes=7, generator=generator, device=torch.device("meta")
    )

    assert torch.equal(generator.get_state(), before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_weights_are_equal_on_cpu_and_cuda(name, arch):
    on_cuda = build(name, arch, device="cuda").cpu().state_dict()

    torch.testing.assert_close(on_cuda, build(name, arch).state_dict(), rtol=0, atol=0)
