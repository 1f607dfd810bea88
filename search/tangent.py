"""The Hessian of a loss times the weights, by one tangent pass over a graph that is there already.

A tangent (written dx for a value x) says how the value changes when all weights grow by the same
factor. Tangents go forward through the recorded graph, then gradients and their tangents go back
together; the gradient's tangent at a weight is that weight's part of Hessian times weights. As a
weight's tangent is the weight itself, what a layer makes of it is the layer's own output, which
is known. Every layer needs five convolutions, where differentiating twice needs nine.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Node = Any  # torch's graph nodes expose what they saved as attributes made up at run time


class UnknownOperationError(Exception):
    """The graph holds an operation that no rule below covers."""


@dataclass
class _Walk:
    """Where a pass over the graph stands.

    Attributes:
        outputs: values of nodes that are known from the forward pass.
        leaves: weights by their node.
        tangents: by node; absent where a value does not depend on a weight.
        notes: what a node's forward rule left for its backward rule.
        gradients: by node, with their tangents; sums while consumers are still to come.
        products: by leaf.
        shared: nodes whose gradient is held by other nodes too.
    """

    outputs: Mapping[Node, Tensor]
    leaves: Mapping[Node, Tensor]
    tangents: dict[Node, Tensor] = field(default_factory=dict)
    notes: dict[Node, Tensor] = field(default_factory=dict)
    gradients: dict[Node, tuple[Tensor, Tensor]] = field(default_factory=dict)
    products: dict[Node, Tensor] = field(default_factory=dict)
    shared: set[Node] = field(default_factory=set)

    def tangent(self, node: Node) -> Tensor | None:
        return self.leaves.get(node, self.tangents.get(node))

    def send(self, node: Node, g: Tensor, dg: Tensor, *, is_fresh: bool = True) -> None:
        """Add what one consumer says to the gradient of *node*.

        What is fresh belongs to nobody else, so that sums can be made in its place.
        """
        if node in self.gradients:
            g0, dg0 = self.gradients[node]
            if node in self.shared and is_fresh:
                g, dg, g0, dg0 = g0, dg0, g, dg
            is_free = node not in self.shared or is_fresh
            g, dg = (g0.add_(g), dg0.add_(dg)) if is_free else (g0 + g, dg0 + dg)
            self.shared.discard(node)
        elif not is_fresh:
            self.shared.add(node)
        self.gradients[node] = g, dg


def hessian_times_weights(
    logits_BK: Tensor, y_B: Tensor, weights: Sequence[Tensor], outputs: Sequence[Tensor]
) -> list[Tensor]:
    """For every weight its part of Hessian times weights, of the mean cross entropy.

    Args:
        logits_BK: with their graph, whose buffers must not have been freed.
        y_B: labels.
        weights: leaves of the graph; the Hessian is with respect to these alone.
        outputs: what layers gave, where known: saves running them again.

    Raises:
        UnknownOperationError: the graph holds something that has no rule here.
    """
    walk = _Walk(
        {y.grad_fn: y.detach() for y in outputs},
        {torch.autograd.graph.get_gradient_edge(w).node: w.detach() for w in weights},
    )
    order = _sources_first(logits_BK.grad_fn)
    for node in order:
        if node not in walk.leaves and any(walk.tangent(n) is not None for n in _inputs(node)):
            walk.tangents[node] = _rule(node).forward(node, walk)
    if order[-1] in walk.tangents:
        walk.gradients[order[-1]] = _of_cross_entropy(logits_BK, y_B, walk.tangents[order[-1]])
        for node in reversed(order):
            if node in walk.gradients and node in walk.tangents:
                _rule(node).backward(node, walk, *walk.gradients.pop(node))
    nodes = list(walk.leaves)
    return [walk.products.get(n, torch.zeros_like(walk.leaves[n])) for n in nodes]


def _of_cross_entropy(logits_BK: Tensor, y_B: Tensor, dlogits_BK: Tensor) -> tuple[Tensor, Tensor]:
    p_BK = logits_BK.detach().softmax(dim=1)
    hot_BK = torch.nn.functional.one_hot(y_B, p_BK.shape[1])
    dp_BK = p_BK * (dlogits_BK - (p_BK * dlogits_BK).sum(dim=1, keepdim=True))
    return (p_BK - hot_BK) / len(y_B), dp_BK / len(y_B)


def _inputs(node: Node) -> list[Node]:
    return [source for source, _ in node.next_functions]


def _sources_first(root: Node) -> list[Node]:
    order: list[Node] = []
    seen = {None}
    stack = [(root, False)]
    while stack:
        node, is_ready = stack.pop()
        if is_ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((source, False) for source in _inputs(node))
    return order


@dataclass(frozen=True)
class _Rule:
    """How one operation passes tangents on, and gradients with their tangents back."""

    forward: Callable[[Node, _Walk], Tensor]
    backward: Callable[[Node, _Walk, Tensor, Tensor], None]


def _rule(node: Node) -> _Rule:
    try:
        return _RULES[node.name()]
    except KeyError:
        raise UnknownOperationError(node.name()) from None


def _linear(
    push: Callable[[Node, Tensor], Tensor], pull: Callable[[Node, Tensor], Tensor]
) -> _Rule:
    """A rule for what is linear in its only input, given what the node saved."""

    def forward(node: Node, walk: _Walk) -> Tensor:
        return push(node, walk.tangents[_inputs(node)[0]])

    def backward(node: Node, walk: _Walk, g: Tensor, dg: Tensor) -> None:
        pulled, is_fresh = pull(node, g), pull is not _as_before
        walk.send(_inputs(node)[0], pulled, pull(node, dg), is_fresh=is_fresh)

    return _Rule(forward, backward)


def _conv_forward(node: Node, walk: _Walk) -> Tensor:
    source, leaf, *_ = _inputs(node)
    dx, dy = walk.tangent(source), None
    if leaf in walk.leaves:
        y = walk.outputs.get(node)
        dy = _conv(node, node._saved_input) if y is None else _without_bias(node, walk, y)
    if dx is None:
        assert dy is not None
        return dy
    linear = _conv(node, dx)
    return linear if dy is None else linear.add_(dy)


def _without_bias(node: Node, walk: _Walk, y: Tensor) -> Tensor:
    bias = _inputs(node)[2]
    if bias is None:
        return y
    bias_O: Tensor = bias.variable.detach()
    return y - bias_O.view(1, -1, *[1] * (y.ndim - 2))


def _conv(node: Node, x: Tensor) -> Tensor:
    y: Tensor = torch.convolution(
        x, node._saved_weight.detach(), None, node._saved_stride, node._saved_padding,
        node._saved_dilation, node._saved_transposed, node._saved_output_padding,
        node._saved_groups,
    )  # fmt: skip
    return y


def _conv_backward(node: Node, walk: _Walk, g: Tensor, dg: Tensor) -> None:
    source, leaf, *_ = _inputs(node)
    dx = walk.tangent(source)
    x = node._saved_input.detach()
    to_source, to_leaf = source in walk.tangents, leaf in walk.leaves
    dg_x, product = _conv_gradients(node, dg, x, to_source, to_leaf)
    if dx is not None:
        g_x, more = _conv_gradients(node, g, dx, to_source, to_leaf)
        if to_leaf:
            product = product.add_(more)
            dg_x.add_(g_x)
        walk.send(source, g_x, dg_x)
    if to_leaf:
        walk.products[leaf] = walk.products[leaf] + product if leaf in walk.products else product


def _conv_gradients(
    node: Node, g: Tensor, x: Tensor, to_source: bool, to_leaf: bool
) -> tuple[Tensor, Tensor]:
    g_x, g_w, _ = torch.ops.aten.convolution_backward(
        g, x, node._saved_weight.detach(), None, node._saved_stride, node._saved_padding,
        node._saved_dilation, node._saved_transposed, node._saved_output_padding,
        node._saved_groups, [to_source, to_leaf, False],
    )  # fmt: skip
    return g_x, g_w


def _norm(node: Node, g: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient of a batch norm's input, and by channel the sum of g times normalised input."""
    weight = node._saved_weight
    g_x, scaled_C, _ = torch.ops.aten.native_batch_norm_backward(
        g, node._saved_input.detach(), None if weight is None else weight.detach(),
        None, None, node._saved_result1, node._saved_result2, True, node._saved_eps,
        [True, True, False],
    )  # fmt: skip
    return g_x, scaled_C


def _norm_forward(node: Node, walk: _Walk) -> Tensor:
    """A norm's Jacobian is symmetric, so that its tangent is its gradient of the tangent."""
    if not node._saved_training:
        raise UnknownOperationError("batch norm in evaluation mode")
    dz, walk.notes[node] = _norm(node, walk.tangents[_inputs(node)[0]])
    return dz


def _norm_backward(node: Node, walk: _Walk, g: Tensor, dg: Tensor) -> None:
    x, mean_C, s_C = node._saved_input.detach(), node._saved_result1, node._saved_result2
    over = [d for d in range(x.ndim) if d != 1]
    count = x.numel() // x.shape[1]
    dz = walk.tangents[node]
    g_x, scaled_C = _norm(node, g)
    dg_x, _ = _norm(node, dg)
    e_C = (g * dz).sum(over) * s_C.square() / count
    shape = [1, -1] + [1] * (x.ndim - 2)
    dg_x.addcmul_(g_x, (s_C * walk.notes[node] / count).view(shape), value=-1)
    dg_x.addcmul_(dz, (s_C * scaled_C / count).view(shape), value=-1)
    dg_x.addcmul_(x, e_C.view(shape), value=-1).add_((e_C * mean_C).view(shape))
    walk.send(_inputs(node)[0], g_x, dg_x)


def _add_forward(node: Node, walk: _Walk) -> Tensor:
    if node._saved_alpha != 1:
        raise UnknownOperationError("scaled addition")
    terms = [t for source in _inputs(node) if (t := walk.tangent(source)) is not None]
    return terms[0] + terms[1] if len(terms) == 2 else terms[0]


def _add_backward(node: Node, walk: _Walk, g: Tensor, dg: Tensor) -> None:
    for source in _inputs(node):
        tangent = walk.tangents.get(source)
        if tangent is None:
            continue
        if tangent.shape != g.shape:
            raise UnknownOperationError("addition with broadcasting")
        walk.send(source, g, dg, is_fresh=False)


def _matmul_parts(node: Node, walk: _Walk) -> tuple[Node, Node, Tensor, Tensor]:
    """Source and transposed weight leaf of a linear layer, and their values."""
    source, transposed = _inputs(node)[-2:]
    leaf = _inputs(transposed)[0]
    if transposed.name() != "TBackward0" or leaf not in walk.leaves:
        raise UnknownOperationError("matrix product without a weight")
    x = node._saved_mat1 if hasattr(node, "_saved_mat1") else node._saved_self
    return source, leaf, x.detach(), walk.leaves[leaf]


def _matmul_forward(node: Node, walk: _Walk) -> Tensor:
    source, _, x_BI, w_OI = _matmul_parts(node, walk)
    dx = walk.tangent(source)
    return (x_BI if dx is None else x_BI + dx) @ w_OI.T


def _matmul_backward(node: Node, walk: _Walk, g: Tensor, dg: Tensor) -> None:
    source, leaf, x_BI, w_OI = _matmul_parts(node, walk)
    dx = walk.tangent(source)
    product = dg.T @ x_BI
    if dx is not None:
        product = product + g.T @ dx
        walk.send(source, g @ w_OI, (dg + g) @ w_OI)
    walk.products[leaf] = walk.products[leaf] + product if leaf in walk.products else product


def _scale(node: Node, x: Tensor) -> Tensor:
    """Times a constant; where both factors vary, torch has saved both."""
    factor = node._saved_other
    if factor is None or node._saved_self is not None:
        raise UnknownOperationError("product of two values")
    scaled: Tensor = x * factor
    return scaled


def _nothing(node: Node, walk: _Walk, g: Tensor, dg: Tensor) -> None:
    raise AssertionError("the product with a weight answers for the weight")


def _as_before(node: Node, g: Tensor) -> Tensor:
    return g.reshape(list(node._saved_self_sym_sizes))


def _mask(node: Node, g: Tensor) -> Tensor:
    masked: Tensor = torch.ops.aten.threshold_backward(g, node._saved_result.detach(), 0)
    return masked


def _pool(node: Node, x: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(x, *_pool_settings(node))


def _unpool(node: Node, g: Tensor) -> Tensor:
    g_x: Tensor = torch.ops.aten.avg_pool2d_backward(
        g, node._saved_self.detach(), *_pool_settings(node)
    )
    return g_x


def _pool_settings(node: Node) -> tuple[Any, ...]:
    return (
        node._saved_kernel_size, node._saved_stride, node._saved_padding,
        node._saved_ceil_mode, node._saved_count_include_pad, node._saved_divisor_override,
    )  # fmt: skip


def _mean(node: Node, x: Tensor) -> Tensor:
    return x.mean(dim=_dims(node), keepdim=node._saved_keepdim)


def _spread(node: Node, g: Tensor) -> Tensor:
    sizes = list(node._saved_self_sym_sizes)
    dims = _dims(node)
    kept = [1 if d in dims else size for d, size in enumerate(sizes)]
    count = torch.Size(sizes).numel() // torch.Size(kept).numel()
    return (g.reshape(kept) / count).expand(sizes).contiguous(memory_format=_layout(sizes))


def _layout(sizes: Sequence[int]) -> torch.memory_format:
    return torch.channels_last if len(sizes) == 4 else torch.contiguous_format


def _dims(node: Node) -> list[int]:
    rank = len(node._saved_self_sym_sizes)
    return [(d - 2**64 if d >= 2**63 else d) % rank for d in node._saved_dim]  # kept unsigned


_RULES = {
    "ConvolutionBackward0": _Rule(_conv_forward, _conv_backward),
    "NativeBatchNormBackward0": _Rule(_norm_forward, _norm_backward),
    "AddBackward0": _Rule(_add_forward, _add_backward),
    "AddmmBackward0": _Rule(_matmul_forward, _matmul_backward),
    "MmBackward0": _Rule(_matmul_forward, _matmul_backward),
    "ReluBackward0": _linear(_mask, _mask),
    "AvgPool2DBackward0": _linear(_pool, _unpool),
    "MulBackward0": _linear(_scale, _scale),
    "MeanBackward1": _linear(_mean, _spread),
    "TBackward0": _Rule(lambda node, walk: walk.leaves[_inputs(node)[0]].T, _nothing),
    "ViewBackward0": _linear(lambda _, x: x.flatten(1), _as_before),
}
