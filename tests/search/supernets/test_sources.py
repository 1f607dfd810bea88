"""Weights of mixtures, against the sum over combinations written out."""

from itertools import product

import pytest
import torch
from torch.nn import functional as F

from search.supernets.mix import Mix, mixture, onehot
from search.supernets.slots import Slot
from search.supernets.sources import sources
from search.supernets.sources._tensors import cropped, padded
from search.supernets.sources.entangled import coverage
from search.supernets.sources.partitioned import Partitioned

WIDTHS, INPUTS, KERNELS = (2, 3), (1, 4), (1, 3, 5)
CONV = Slot(
    "conv",
    "conv",
    {
        (o, i, k): (WIDTHS[o], INPUTS[i], KERNELS[k], KERNELS[k])
        for o, i, k in product(range(2), range(2), range(3))
    },
    (0, 1, 2),
    has_bias=True,
)


def make(name, slots=(CONV,)):
    return sources[name](list(slots), torch.Generator().manual_seed(0))


def random_mix():
    generator = torch.Generator().manual_seed(2)
    return mixture([torch.rand(n, generator=generator).softmax(0) for n in (2, 2, 3)])


@pytest.mark.parametrize("name", ["entangled", "per_choice"])
def test_tensors_of_a_mix_are_the_padded_sum_over_combinations(name):
    source, mix = make(name), random_mix()

    weight, bias = source.tensors(CONV, mix)

    terms = [(source.tensors(CONV, onehot(key)), w) for key, w in mix.combinations((0, 1, 2))]
    torch.testing.assert_close(weight, sum(w * padded(t[0], (3, 4, 5, 5)) for t, w in terms))
    torch.testing.assert_close(bias, sum(w * padded(t[1], (3,)) for t, w in terms))


def test_one_convolution_with_superposed_weights_is_the_weighted_sum_of_convolutions():
    source, mix = make("entangled"), random_mix()
    x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(1))

    weight, bias = source.tensors(CONV, mix)
    together = F.conv2d(x, weight, bias, padding=2)

    apart = 0
    for key, w in mix.combinations((0, 1, 2)):
        kernel, shift = source.tensors(CONV, onehot(key))
        y = F.conv2d(x[:, : kernel.shape[1]], kernel, shift, padding=kernel.shape[-1] // 2)
        apart = apart + w * F.pad(y, [0, 0, 0, 0, 0, 3 - y.shape[1]])
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-5)


def test_coverage_has_its_closed_form():
    # out widths 1 and 2 with .7 and .3, kernels 3 and 5 with .6 and .4 (derived by hand)
    shapes = [(o, 1, k, k) for o in (1, 2) for k in (3, 5)]

    factor = coverage(shapes, torch.tensor([0.42, 0.28, 0.18, 0.12]))

    expected = torch.tensor([[0.4, 1, 1, 1, 0.4], [0.12, 0.3, 0.3, 0.3, 0.12]])
    torch.testing.assert_close(factor[:, 0, 2], expected)


def test_one_hot_slices_the_first_channels_and_the_middle_of_the_kernel():
    source = make("entangled")
    full, _ = source.tensors(CONV, onehot((1, 1, 2)))

    weight, bias = source.tensors(CONV, onehot((0, 0, 1)))

    torch.testing.assert_close(weight, full[:2, :1, 1:4, 1:4])
    assert bias.shape == (2,)


def test_a_choice_that_is_the_whole_tensor_is_the_parameter_itself():
    source = make("entangled")

    assert source.tensors(CONV, onehot((1, 1, 2)))[0] is source.parameters_of(CONV)[0]


def test_weights_per_choice_are_apart():
    source = make("per_choice")
    first, second = (source.tensors(CONV, onehot((0, 0, k)))[0] for k in (0, 1))

    assert not torch.equal(first, cropped(second, tuple(first.shape)))
    assert len(source.parameters_of(CONV)) == 2 * 12


def partition(**settings):
    settings = {"num_groups": 2, "is_private": lambda _slot: True} | settings
    return Partitioned(
        [CONV],
        torch.Generator().manual_seed(0),
        inner=sources["entangled"],
        group_of=lambda arch: arch[2] % 2,
        **settings,
    )


def test_groups_have_weights_of_their_own():
    source = partition()

    first, second, third = (source.tensors(CONV, onehot((1, 1, k)))[0] for k in range(3))

    assert torch.equal(first[..., 0, 0], third[..., 2, 2])
    assert not torch.equal(cropped(second, (3, 4, 1, 1)), first)
    assert source.place(CONV, onehot((0, 0, 1))) == "1:conv"


def test_one_group_is_the_inner_source():
    one = partition(num_groups=1)
    one.group_of = lambda _arch: 0

    for key in CONV.shapes:
        torch.testing.assert_close(
            one.tensors(CONV, onehot(key)), make("entangled").tensors(CONV, onehot(key))
        )


def test_groups_may_start_equal():
    source = partition(starts_equal=True)

    assert torch.equal(
        source.tensors(CONV, onehot((1, 1, 1)))[0],
        cropped(source.tensors(CONV, onehot((1, 1, 2)))[0], (3, 4, 3, 3)),
    )


def test_slots_that_are_not_private_are_shared():
    source = partition(is_private=lambda _slot: False)

    assert len(list(source.parameters())) == 2
    assert source.place(CONV, onehot((0, 0, 1))) == "conv"


def test_partitioned_weights_of_a_mixture_are_refused():
    with pytest.raises(ValueError, match="single architectures"):
        partition().tensors(CONV, random_mix())


def test_mixtures_leave_choices_of_weight_zero_out():
    mix = mixture([[0, 1.0], [0.5, 0.5]])

    assert mix.terms == (((1, 1.0),), ((0, 0.5), (1, 0.5)))
    assert mix.choices == (1, None)
    assert mix.arch is None
    assert mix.at(1, 0).arch == (1, 0)


def test_a_decision_without_any_weight_is_refused():
    with pytest.raises(ValueError, match="decision 1 has no choice"):
        mixture([[1.0], [0.0, 0.0]])


def test_a_weight_with_a_gradient_is_no_constant_one():
    alpha = torch.ones(1, requires_grad=True)

    assert mixture([alpha]).choices == (None,)
    assert Mix([((0, 1.0),)]).arch == (0,)
