"""Depthwise convolutions of maps that are smaller than their kernel, on a CPU.

There torch's gradient of the weights takes tens of times as long as the forward pass: it goes
through one channel after the other. Late layers of elastic networks have hundreds of channels on
maps of 4 x 4 and less. Here the gradient is added up tap by tap, over all channels at once. In
fewer bits that is needed besides: there torch's gradient of such weights has entries that nothing
was written to (seen with torch 2.13).
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def depthwise(x_BCHW: Tensor, weight: Tensor, stride: int, padding: int, dilation: int) -> Tensor:
    """Convolve every channel with its own kernel; values and gradients as of ``F.conv2d``.

    Args:
        x_BCHW: the maps.
        weight: (C, 1, K, K).
        stride: as of ``F.conv2d``, like the others.
        padding: zeros on each side.
        dilation: from tap to tap.
    """
    if _is_slow(x_BCHW, weight):
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            x_BCHW, weight = x_BCHW.to(dtype), weight.to(dtype)
        y_BCHW: Tensor = _ByTaps.apply(  # type: ignore[no-untyped-call]
            x_BCHW, weight, stride, padding, dilation
        )
        return y_BCHW
    return F.conv2d(x_BCHW, weight, None, stride, padding, dilation, weight.shape[0])


def _is_slow(x_BCHW: Tensor, weight: Tensor) -> bool:
    height, width = x_BCHW.shape[2:]
    return (
        x_BCHW.device.type == "cpu"
        and weight.shape[2:].numel() > height * width
        and weight.requires_grad
        and torch.is_grad_enabled()
    )


class _ByTaps(torch.autograd.Function):
    @staticmethod
    def forward(  # as torch calls it
        ctx: Any,  # noqa: ANN401
        x_BCHW: Tensor,
        weight: Tensor,
        stride: int,
        padding: int,
        dilation: int,
    ) -> Tensor:
        ctx.save_for_backward(x_BCHW, weight)
        ctx.how = stride, padding, dilation
        return F.conv2d(x_BCHW, weight, None, stride, padding, dilation, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x_BCHW, weight = ctx.saved_tensors
        stride, padding, dilation = ctx.how
        (grad_BCHW,) = grads
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x, _, _ = torch.ops.aten.convolution_backward(
                *(grad_BCHW, x_BCHW, weight, None),
                *([stride, stride], [padding, padding], [dilation, dilation]),
                *(False, [0, 0], weight.shape[0], [True, False, False]),
            )
        return to_x, _to_weight(x_BCHW, grad_BCHW, weight.shape[-1], *ctx.how), None, None, None


def _to_weight(  # as of a convolution
    x_BCHW: Tensor, grad_BCHW: Tensor, size: int, stride: int, padding: int, dilation: int
) -> Tensor:
    channels, height, width = x_BCHW.shape[1:]
    taps = [tap * dilation - padding for tap in range(size)]
    rows = [_reach(tap, stride, height, grad_BCHW.shape[2]) for tap in taps]
    columns = [_reach(tap, stride, width, grad_BCHW.shape[3]) for tap in taps]
    none = x_BCHW.new_zeros(channels)
    found = [
        (grad_BCHW[:, :, of_y, of_x] * x_BCHW[:, :, in_y, in_x]).sum((0, 2, 3))
        if reaches_y and reaches_x
        else none
        for reaches_y, of_y, in_y in rows
        for reaches_x, of_x, in_x in columns
    ]
    return torch.stack(found, 1).view(channels, 1, size, size)


def _reach(tap: int, stride: int, length: int, num_outputs: int) -> tuple[bool, slice, slice]:
    """Outputs whose input at this offset is on the map, and these inputs."""
    first = max(0, -(tap // stride))  # the first output o with o * stride + tap >= 0
    last = min(num_outputs - 1, (length - 1 - tap) // stride)
    inputs = slice(first * stride + tap, last * stride + tap + 1, stride)
    return first <= last, slice(first, last + 1), inputs
