"""Depthwise convolutions on maps smaller than their kernel equal those of torch."""

import pytest
import torch
from torch.nn import functional as F

from search.supernets import depthwise as module
from search.supernets.depthwise import depthwise

SMALLER = [(size, 3, stride, 1) for size in (1, 2) for stride in (1, 2)]
SMALLER += [(size, 5, stride, 1) for size in (1, 2, 3, 4) for stride in (1, 2)]
SMALLER += [(4, 7, 1, 1), (4, 7, 2, 1), (2, 3, 1, 2), (4, 5, 1, 2)]


def maps(size, kernel, dtype=torch.float64):
    generator = torch.Generator().manual_seed(size)
    x = torch.randn(3, 4, size, size, generator=generator, dtype=dtype)
    weight = torch.randn(4, 1, kernel, kernel, generator=generator, dtype=dtype)
    return x.contiguous(
        memory_format=torch.channels_last
    ).requires_grad_(), weight.requires_grad_()


@pytest.mark.parametrize(("size", "kernel", "stride", "dilation"), SMALLER)
def test_values_and_gradients_are_those_of_torch(size, kernel, stride, dilation):
    x, weight = maps(size, kernel)
    padding = dilation * (kernel // 2)
    assert module._is_slow(x, weight)

    ours = depthwise(x, weight, stride, padding, dilation)
    theirs = F.conv2d(x, weight, None, stride, padding, dilation, 4)

    grad = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1), dtype=ours.dtype)
    assert torch.equal(ours, theirs)
    for one, other in zip(
        torch.autograd.grad(ours, [x, weight], grad),
        torch.autograd.grad(theirs, [x, weight], grad),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_gradients_can_be_derived_again():
    x, weight = maps(2, 3)

    assert torch.autograd.gradgradcheck(lambda x, w: depthwise(x, w, 1, 1, 1), (x, weight))


def test_only_the_weights_may_need_a_gradient():
    x, weight = maps(2, 5)

    (to_weight,) = torch.autograd.grad(depthwise(x.detach(), weight, 1, 2, 1).sum(), weight)

    (known,) = torch.autograd.grad(F.conv2d(x.detach(), weight, None, 1, 2, 1, 4).sum(), weight)
    torch.testing.assert_close(to_weight, known)


def test_it_is_for_small_maps_that_are_trained():
    x, weight = maps(2, 3, torch.float32)
    large, _ = maps(4, 3, torch.float32)

    assert not module._is_slow(large, weight)
    with torch.no_grad():
        assert not module._is_slow(x, weight)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("size", "kernel", "stride", "dilation"), SMALLER)
def test_gradients_in_fewer_bits_are_near_and_have_no_entry_that_nothing_was_written_to(
    precision, size, kernel, stride, dilation
):
    x, weight = maps(size, kernel, torch.float32)
    padding = dilation * (kernel // 2)
    known = torch.autograd.grad(
        F.conv2d(x, weight, None, stride, padding, dilation, 4).sum(), [x, weight]
    )

    with torch.autocast("cpu", precision):
        y = depthwise(x, weight, stride, padding, dilation)
    found = torch.autograd.grad(y.float().sum(), [x, weight])

    assert y.dtype == precision
    for ours, theirs in zip(found, known, strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, rtol=0.03, atol=0.05)
