"""How tangents pass through operations that are linear where they stand: pools, ReLUs, views.

Every function takes a node of torch's graph, which knows what was saved for the backward pass,
and a tangent of what went in; it gives the tangent of what comes out.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

Node = Any  # torch's graph nodes expose what they saved as attributes made up at run time
Push = Callable[[Node, Tensor], Tensor]


class UnknownOperationError(Exception):
    """The graph holds an operation that no rule covers."""


def inputs_of(node: Node) -> list[Node]:
    """The nodes that gave what *node* took in; None for what needs no gradient."""
    return [source for source, _ in node.next_functions]


def shape_of(node: Node) -> torch.Size:
    """The shape of what *node* gave."""
    return torch.Size(node._input_metadata[0].shape)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """The sum of a times b."""
    if a.stride() != b.stride():
        return (a * b).sum().double()
    return torch.dot(_flat(a), _flat(b)).double()


def channel_dots(a: Tensor, b: Tensor) -> Tensor:
    """By channel the sum of a times b, as a batch norm's backward pass adds up: in one go."""
    zeros_C = a.new_zeros(a.shape[1])
    sums_C: Tensor = torch.ops.aten.native_batch_norm_backward(
        b, a, None, None, None, zeros_C, zeros_C + 1, True, 0.0, [False, True, False]
    )[1]
    return sums_C


def _flat(x: Tensor) -> Tensor:
    """All values in the order in which they lie in memory."""
    is_last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
    return (x.permute(0, 2, 3, 1) if is_last else x).reshape(-1)


def _relu(node: Node, t: Tensor) -> Tensor:
    masked: Tensor = torch.ops.aten.threshold_backward(t, node._saved_result.detach(), 0)
    return masked


def _avg_pool(node: Node, t: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(
        t, node._saved_kernel_size, node._saved_stride, node._saved_padding,
        node._saved_ceil_mode, node._saved_count_include_pad, node._saved_divisor_override,
    )  # fmt: skip


def _max_pool(node: Node, t: Tensor) -> Tensor:
    places_BCHW = node._saved_result1
    picked = t.flatten(2).gather(2, places_BCHW.flatten(2))
    laid_out = torch.empty_like(places_BCHW, dtype=t.dtype)
    return laid_out.copy_(picked.view(places_BCHW.shape))


def _pad(node: Node, t: Tensor) -> Tensor:
    return torch.nn.functional.pad(t, [_signed(p) for p in node._saved_pad])


def _mean(node: Node, t: Tensor) -> Tensor:
    rank = len(node._saved_self_sym_sizes)
    dims = [_signed(d) % rank for d in node._saved_dim]
    return t.mean(dim=dims, keepdim=node._saved_keepdim)


def _clamp(node: Node, t: Tensor) -> Tensor:
    x = node._saved_self.detach()
    low, high = node._saved_min, node._saved_max
    inside = torch.ones_like(x, dtype=torch.bool)
    inside = inside if low is None else inside & (x >= low)
    inside = inside if high is None else inside & (x <= high)
    passed: Tensor = t * inside
    return passed


def _divided(node: Node, t: Tensor) -> Tensor:
    if node._saved_self is not None:
        raise UnknownOperationError("division by a value")
    quotient: Tensor = t / node._saved_other
    return quotient


def _viewed(node: Node, t: Tensor) -> Tensor:
    return t.reshape(shape_of(node))


def _same(_node: Node, t: Tensor) -> Tensor:
    return t


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value  # torch keeps them unsigned


LINEAR_RULES: Mapping[str, Push] = {
    "ReluBackward0": _relu,
    "AvgPool2DBackward0": _avg_pool,
    "MaxPool2DWithIndicesBackward0": _max_pool,
    "ConstantPadNdBackward0": _pad,
    "MeanBackward1": _mean,
    "ClampBackward1": _clamp,
    "DivBackward0": _divided,
    "ViewBackward0": _viewed,
    "UnsafeViewBackward0": _viewed,
    "AliasBackward0": _same,
    "CloneBackward0": _same,
}
