"""Kernels as learned functions of larger ones, against values computed by hand."""

from functools import partial

import pytest
import torch

from search.supernets.mix import mixture, onehot
from search.supernets.recipes import unfit_reason
from search.supernets.sources import sources
from search.supernets.sources._transformed_kernels import TransformedKernels
from tests.search.supernets.conftest import small
from tests.search.supernets.test_training import (
    assert_equal,
    continued,
    finished,
    of,
    training,
    weights,
)

KERNEL = 2  # the place of the first stage's kernels: 1, 3 and 5


@pytest.fixture
def net():
    space = small("elastic_tiny").space
    made = partial(TransformedKernels, inner=sources["entangled"], space=space)
    return small("elastic_tiny", made)


def look(net, choice):
    arch = [3, 2, choice, 1, 3, 2, 2, 1]
    slot = net.slots["stages.0.0.look.0"]
    return net.source.tensors(slot, onehot(tuple(arch)))[0]


def matrices(net):
    return [net.source.matrices[f"stages/0/0/look/0 {size}"] for size in (3, 1)]


def test_kernels_are_the_middle_at_first(net):
    plain = small("elastic_tiny")

    for choice in range(3):
        assert torch.equal(look(net, choice), look(plain, choice))


def test_every_convolution_with_a_choice_of_kernels_has_its_matrices_and_nothing_else(net):
    found = {name.partition(" ")[0] for name in net.source.matrices}

    assert found == {f"stages/{n}/{place}/look/0" for n in range(2) for place in range(3)}
    assert {len(matrix) for matrix in net.source.matrices.values()} == {1, 9}


def test_a_kernel_is_the_middle_of_the_next_larger_one_times_a_matrix(net):
    with torch.no_grad():
        for matrix in matrices(net):
            matrix.uniform_(-1, 1, generator=torch.Generator().manual_seed(3))
    three, one = matrices(net)

    five = look(net, 2)
    by_hand = torch.einsum("oikl,xkl->oix", five[:, :, 1:4, 1:4], three.view(9, 3, 3))

    torch.testing.assert_close(look(net, 1), by_hand.view(-1, 1, 3, 3))
    torch.testing.assert_close(look(net, 0), look(net, 1)[:, :, 1:2, 1:2] * one)


def test_matrices_of_the_kernels_on_the_way_learn(net):
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))

    net(x, onehot((3, 2, 1, 1, 3, 2, 2, 1))).square().sum().backward()

    three, one = matrices(net)
    assert three.grad.abs().sum() > 0
    assert one.grad is None


def test_a_mix_of_kernels_is_the_padded_sum(net):
    shares = [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.25, 0.75, 0.0], [0.0, 1.0]]
    slot = net.slots["stages.0.0.look.0"]

    weight, _ = net.source.tensors(slot, mixture([*shares, *shares[:2], [0.0, 0.0, 1.0], [1.0]]))

    expected = 0.75 * look(net, 1)
    expected[:, :, 1:2, 1:2] += 0.25 * look(net, 0)
    torch.testing.assert_close(weight, expected)


def test_subnets_collapse_and_trainings_resume():
    recipe = of("spos", source="entangled", kernels="transformed")
    whole = finished(recipe, "elastic_tiny")
    first = training(recipe, "elastic_tiny")
    first.step()
    second = continued(first, recipe, "elastic_tiny")

    assert_equal(weights(second), weights(whole))
    assert not torch.equal(matrices(whole.net)[0], torch.eye(9))
    arch, x = (0, 1, 0, 0, 1, 1, 1, 1), torch.randn(3, 1, 8, 8)
    with torch.no_grad():
        ours, plain = whole.net(x, onehot(arch)), whole.net.collapse(arch)(x)
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)


def test_a_space_without_sizes_of_kernels_is_refused_with_the_reason():
    recipe = of("spos", source="entangled", kernels="transformed")

    assert "size of a kernel" in unfit_reason(recipe, "cell_27")
    assert unfit_reason(recipe, "elastic_tiny") is None
