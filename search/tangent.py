"""Second derivatives of a loss by tangents alone, over a graph that is there already.

The tangent of a value says how the value changes as the weights go into a direction. Two
directions are followed at once: the weights themselves, in which what a layer makes of the
weight's own change is the layer's own output, and one of the caller's, u. Wherever two changes
meet (in a layer, a norm, a product), the loss gains what they do together, times the gradient
there, which the backward pass has left. So nothing goes back a second time: a layer takes four
convolutions forward, where differentiating twice takes nine, most of them backward ones.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from search.tangent_rules import (
    LINEAR_RULES,
    Node,
    Push,
    UnknownOperationError,
    channel_dots,
    dot,
    inputs_of,
    shape_of,
)

Pair = tuple[Tensor, Tensor]  # tangents along u and along the weights


@dataclass
class _Walk:
    """Where the pass over the graph stands.

    Attributes:
        leaves: by a weight's node the weight and u's part for it.
        gradients: of the loss by node, at what the node gave; at leaves too.
        outputs: what nodes gave, where it is at hand.
        tangents: by node; absent where a value does not depend on a weight.
        parts: what every meeting of two changes adds.
    """

    leaves: Mapping[Node, Pair]
    gradients: Mapping[Node, Tensor]
    outputs: Mapping[Node, Tensor]
    tangents: dict[Node, Pair] = field(default_factory=dict)
    parts: list[Tensor] = field(default_factory=list)

    def gradient(self, node: Node) -> Tensor:
        """The gradient at what *node* gave.

        Raises:
            UnknownOperationError: nobody kept it.
        """
        try:
            return self.gradients[node].detach()
        except KeyError:
            raise UnknownOperationError(f"{node.name()} without its gradient") from None


Rule = Callable[[Node, _Walk], Pair]


def nodes_with_gradients(logits_BK: Tensor, weights: Sequence[Tensor]) -> list[Node]:
    """Where :func:`curvature` reads gradients that a backward pass has to keep."""
    if logits_BK.grad_fn is None:
        return []
    leaves = {node_of(w) for w in weights}
    found: dict[Node, None] = {}
    for node in _sources_first(logits_BK.grad_fn):
        sources = inputs_of(node)
        if node.name() == "NativeBatchNormBackward0":
            found[sources[0]] = None
            if sources[1] is None:  # no scale that has a gradient
                found[node] = None
        elif node.name() in _BENDING or _has_weight(sources, leaves):
            found[node] = None
    return [node for node in found if node is not None]


def node_of(weight: Tensor) -> Node:
    """The node at which the gradient of a leaf arrives."""
    return torch.autograd.graph.get_gradient_edge(weight).node


def _has_weight(sources: Sequence[Node], leaves: set[Node]) -> bool:
    return any(
        source in leaves or (source.name() == "TBackward0" and inputs_of(source)[0] in leaves)
        for source in sources
        if source is not None
    )


def curvature(
    logits_BK: Tensor,
    y_B: Tensor,
    weights: Sequence[Tensor],
    direction: Sequence[Tensor],
    gradients: Mapping[Node, Tensor],
    outputs: Mapping[Node, Tensor],
) -> float:
    """Direction times Hessian times weights, of the mean cross entropy.

    Args:
        logits_BK: with their graph, whose buffers must not have been freed.
        y_B: labels.
        weights: leaves of the graph; the Hessian is with respect to these alone.
        direction: u, shaped as the weights are.
        gradients: of the loss at what :func:`nodes_with_gradients` names, and at leaves.
        outputs: what layers gave, by node, where known: saves running them again.

    Raises:
        UnknownOperationError: the graph holds something that has no rule here.
    """
    if logits_BK.grad_fn is None:
        return 0.0
    leaves = {
        node_of(w): (u.detach(), w.detach()) for w, u in zip(weights, direction, strict=True)
    }
    walk = _Walk(leaves, gradients, outputs)
    order = _sources_first(logits_BK.grad_fn)
    uses = Counter(source for node in order for source in inputs_of(node) if source is not None)
    for node in order:
        sources = inputs_of(node)
        if node not in leaves and any(s in leaves or s in walk.tangents for s in sources):
            walk.tangents[node] = _rule(node)(node, walk)
        for source in sources:
            uses[source] -= 1
            if not uses[source]:
                walk.tangents.pop(source, None)
    if order[-1] in walk.tangents:
        walk.parts.append(_of_cross_entropy(logits_BK, y_B, walk.tangents[order[-1]]))
    return float(torch.stack(walk.parts).sum()) if walk.parts else 0.0


def _of_cross_entropy(logits_BK: Tensor, y_B: Tensor, tangents: Pair) -> Tensor:
    p_BK = logits_BK.detach().softmax(dim=1)
    u_BK, w_BK = tangents
    centred_BK = w_BK - (p_BK * w_BK).sum(dim=1, keepdim=True)
    return (u_BK * p_BK * centred_BK).sum().double() / len(y_B)


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
            stack.extend((source, False) for source in inputs_of(node))
    return order


def _rule(node: Node) -> Rule:
    name = node.name()
    if name in _RULES:
        return _RULES[name]
    if name in LINEAR_RULES:
        return _linear(LINEAR_RULES[name])
    raise UnknownOperationError(name)


def _linear(push: Push) -> Rule:
    """The rule of what is linear in one input: no two changes meet in it."""

    def rule(node: Node, walk: _Walk) -> Pair:
        along_u, along_w = walk.tangents[inputs_of(node)[0]]
        return push(node, along_u), push(node, along_w)

    return rule


def _conv(node: Node, walk: _Walk) -> Pair:
    source, leaf, *_ = inputs_of(node)
    tangents = walk.tangents.get(source)
    if leaf not in walk.leaves:
        assert tangents is not None
        held = node._saved_weight.detach()
        return _convolved(node, tangents[0], held), _convolved(node, tangents[1], held)
    u, w = walk.leaves[leaf]
    along_u = _convolved(node, node._saved_input.detach(), u)
    along_w = _own_output(node, walk, w)
    if tangents is None:
        return along_u, along_w
    g, linear = walk.gradient(node), _convolved(node, tangents[0], w)
    walk.parts += [dot(g, linear), dot(g, _convolved(node, tangents[1], u))]
    return along_u.add_(linear), _convolved(node, tangents[1], w).add_(along_w)


def _own_output(node: Node, walk: _Walk, w: Tensor) -> Tensor:
    """What a convolution makes of its input, without its bias."""
    y = walk.outputs.get(node)
    if y is None:
        return _convolved(node, node._saved_input.detach(), w)
    bias = inputs_of(node)[2]
    if bias is None:
        return y
    bias_O: Tensor = bias.variable.detach()
    return y - bias_O.view(1, -1, *[1] * (y.ndim - 2))


def _convolved(node: Node, x: Tensor, weight: Tensor) -> Tensor:
    y: Tensor = torch.convolution(
        x, weight, None, node._saved_stride, node._saved_padding, node._saved_dilation,
        node._saved_transposed, node._saved_output_padding, node._saved_groups,
    )  # fmt: skip
    return y


def _matmul(node: Node, walk: _Walk) -> Pair:
    """A linear layer."""
    source, transposed = inputs_of(node)[-2:]
    leaf = inputs_of(transposed)[0] if transposed is not None else None
    if leaf is None or transposed.name() != "TBackward0" or leaf not in walk.leaves:
        raise UnknownOperationError("matrix product without a weight")
    saved = node._saved_mat1 if hasattr(node, "_saved_mat1") else node._saved_self
    x_BI, (u_OI, w_OI) = saved.detach(), walk.leaves[leaf]
    tangents = walk.tangents.get(source)
    if tangents is None:
        return x_BI @ u_OI.T, x_BI @ w_OI.T
    along_u_BI, along_w_BI = tangents
    g_BO, linear_BO = walk.gradient(node), along_u_BI @ w_OI.T
    walk.parts += [dot(g_BO, linear_BO), dot(g_BO, along_w_BI @ u_OI.T)]
    return x_BI @ u_OI.T + linear_BO, (x_BI + along_w_BI) @ w_OI.T


def _norm(node: Node, walk: _Walk) -> Pair:
    """A batch norm's Jacobian is symmetric: a tangent goes through it as a gradient would."""
    if not node._saved_training:
        raise UnknownOperationError("batch norm in evaluation mode")
    source = inputs_of(node)[0]
    a, b = walk.tangents[source]
    past_a, ya_C, sum_a_C = _through_norm(node, a)
    past_b, yb_C, sum_b_C = _through_norm(node, b)
    g, s_C = walk.gradient(source), node._saved_result2
    count = a.numel() // a.shape[1]
    sm_a_C, sm_b_C = s_C * ya_C / count, s_C * yb_C / count  # s^2 times the variance's tangents
    covariance_C = channel_dots(a, b) / count - sum_a_C * sum_b_C / count**2
    met_C = sm_a_C * sm_b_C - s_C.square() * covariance_C
    meeting_C = met_C * _scale_gradient(node, walk)
    meeting_C -= sm_b_C * channel_dots(g, a) + sm_a_C * channel_dots(g, b)
    walk.parts.append(meeting_C.sum().double())
    return past_a, past_b


def _through_norm(node: Node, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradient of a norm's input; by channel, sums of g times normalised input and of g."""
    weight = node._saved_weight
    through: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.native_batch_norm_backward(
        g, node._saved_input.detach(), None if weight is None else weight.detach(),
        None, None, node._saved_result1, node._saved_result2, True, node._saved_eps,
        [True, True, True],
    )  # fmt: skip
    return through


def _scale_gradient(node: Node, walk: _Walk) -> Tensor:
    """By channel: scale times the gradient of the scale, were there one."""
    weight: Tensor | None = node._saved_weight
    leaf = inputs_of(node)[1]
    gradient_C = (
        _through_norm(node, walk.gradient(node))[1] if leaf is None else walk.gradient(leaf)
    )
    return gradient_C if weight is None else weight.detach() * gradient_C


def _add(node: Node, walk: _Walk) -> Pair:
    if node._saved_alpha != 1:
        raise UnknownOperationError("scaled addition")
    terms = [walk.tangents[source] for source in inputs_of(node) if source in walk.tangents]
    if any(u.shape != shape_of(node) for u, _ in terms):
        raise UnknownOperationError("addition with broadcasting")
    if len(terms) == 1:
        return terms[0]
    (u_0, w_0), (u_1, w_1) = terms
    return u_0 + u_1, w_0 + w_1


def _cat(node: Node, walk: _Walk) -> Pair:
    if not all(source in walk.tangents for source in inputs_of(node)):
        raise UnknownOperationError("joining what does and what does not depend on weights")
    pairs = [walk.tangents[source] for source in inputs_of(node)]
    dim = node._saved_dim
    dim = dim - 2**64 if dim >= 2**63 else dim  # kept unsigned
    return torch.cat([u for u, _ in pairs], dim), torch.cat([w for _, w in pairs], dim)


def _product(node: Node, walk: _Walk) -> Pair:
    """Times a constant, or of two values, both of which torch has saved then."""
    first, second = node._saved_self, node._saved_other
    if first is None and second is not None:
        factor: Tensor = second
        return _linear(lambda _, x: x * factor)(node, walk)
    sources = inputs_of(node)
    if first is None or second is None or not all(s in walk.tangents for s in sources[:2]):
        raise UnknownOperationError("product with a value that does not depend on weights")
    x, y, g = first.detach(), second.detach(), walk.gradient(node)
    (xu, xw), (yu, yw) = (walk.tangents[source] for source in sources)
    walk.parts.append((g * (xu * yw + xw * yu)).sum().double())
    return xu * y + x * yu, xw * y + x * yw


def _hardswish(node: Node, walk: _Walk) -> Pair:
    x = node._saved_self.detach()
    u, w = walk.tangents[inputs_of(node)[0]]
    inside = (x > -3) & (x < 3)
    walk.parts.append((walk.gradient(node) * u * w * inside).sum().double() / 3)
    slope = torch.ops.aten.hardswish_backward
    return slope(u, x), slope(w, x)


_RULES: Mapping[str, Rule] = {
    "ConvolutionBackward0": _conv,
    "AddmmBackward0": _matmul,
    "MmBackward0": _matmul,
    "NativeBatchNormBackward0": _norm,
    "AddBackward0": _add,
    "CatBackward0": _cat,
    "MulBackward0": _product,
    "HardswishBackward0": _hardswish,
    "TBackward0": lambda node, walk: walk.leaves[inputs_of(node)[0]],  # the product reads it
}
_BENDING = ("MulBackward0", "HardswishBackward0")  # where changes meet without a weight
