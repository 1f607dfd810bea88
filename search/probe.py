"""What can be measured on one untrained network and one batch, each at most once.

Shapes: B images, C channels, H height, W width, K classes; of a weight, O outputs.
"""

from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search.passes import (
    NORMS,
    all_edges,
    gradients_of,
    has_unrun_relus,
    layers_of,
    relu_outputs,
    watched,
    without_norms,
)
from search.subject import Batch as Batch
from search.subject import Subject
from search.tangent import curvature, node_of, nodes_with_gradients
from search.tangent_rules import Node, UnknownOperationError

LARGE_PARAMS = 3_000_000  # up to here a pass of two images is faster than one of shapes

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Measurement:
    """A measured value; *details* say how it was measured, as JSON."""

    value: float
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ForwardPass:
    """One pass of the batch through the network in training mode, with its graph.

    Attributes:
        x_BCHW: the leaf that the input came from.
        logits_BK: what came out.
        outputs: every output of a convolution or linear layer, beside the layer's name.
        relus: every output of a ReLU, and how many ReLUs it stands for.
    """

    x_BCHW: Tensor
    logits_BK: Tensor
    outputs: list[tuple[str, Tensor]]
    relus: list[tuple[Tensor, int]]


@dataclass(frozen=True)
class BackwardPass:
    """Gradients of the cross entropy of one batch.

    Attributes:
        weights: by layer; zero where the loss does not depend on a weight.
        at: by node of the graph, at what the node gave: where layers and norms stand.
    """

    weights: dict[str, Tensor]
    at: dict[Node, Tensor]


class Probe(Subject):
    """What is measured on a network and a batch: lazy, seeded, each at most once.

    Proxies read it. What several of them share and is not here goes through :meth:`once`.
    """

    def once(
        self, measure: Callable[Concatenate["Probe", P], T], *args: P.args, **params: P.kwargs
    ) -> T:
        """What *measure* makes of this probe; made once for equal arguments, then kept.

        For what several proxies share. Keep it small: it lives as long as the probe.
        """
        key = (measure, args, tuple(sorted(params.items())))
        if key not in self._measured:
            self._measured[key] = measure(self, *args, **params)
        value: T = self._measured[key]
        return value

    @cached_property
    def _measured(self) -> dict[Hashable, Any]:
        return {}

    @cached_property
    def forward(self) -> ForwardPass:
        """The batch through the network as built, in training mode."""
        leaf_BCHW = self.x_BCHW.detach().requires_grad_()
        outputs: list[tuple[str, Tensor]] = []

        def note_output(name: str, y: Tensor) -> None:
            outputs.append((name, y))

        with ExitStack() as hooks:
            for name, layer in layers_of(self.network).items():
                hooks.enter_context(watched(layer, partial(note_output, name)))
            relus = relu_outputs(self.network, hooks)
            logits_BK = self._call(self.network, self.parameters, leaf_BCHW.clone())
        return ForwardPass(leaf_BCHW, logits_BK, outputs, relus)

    @cached_property
    def backward(self) -> BackwardPass:
        """Cross entropy of the batch, back through :attr:`forward`."""
        logits_BK, leaves = self.forward.logits_BK, list(self._leaves.values())
        at: dict[Node, Tensor] = {}

        def note(node: Node, gradients: tuple[Tensor | None, ...]) -> None:
            if gradients[0] is not None:
                at[node] = gradients[0]

        layers = [y.grad_fn for _, y in self.forward.outputs if y.grad_fn is not None]
        scales = self._norm_scales()
        with ExitStack() as hooks:
            for node in {*layers, *nodes_with_gradients(logits_BK, leaves)}:
                hooks.callback(node.register_prehook(partial(note, node)).remove)
            loss = F.cross_entropy(logits_BK, self.y_B)
            gradients = gradients_of(loss, [*leaves, *scales])
        at |= {node_of(s): g for s, g in zip(scales, gradients[len(leaves) :], strict=True)}
        return BackwardPass(dict(zip(self.weights, gradients, strict=False)), at)

    def _norm_scales(self) -> list[Tensor]:
        names = [n for n, m in self.network.named_modules() if isinstance(m, NORMS)]
        scales = [self.parameters.get(f"{name}.weight") for name in names]
        return [scale for scale in scales if scale is not None and scale.requires_grad]

    @property
    def channel_products(self) -> list[tuple[str, Tensor]]:
        """For every call of a layer its name and, by image and channel, activation x gradient.

        Summed over pixels; calls on which the loss does not depend are left out.
        """
        return [
            (name, _per_channel(y, self.backward.at[y.grad_fn]))
            for name, y in self.forward.outputs
            if y.grad_fn in self.backward.at
        ]

    @property
    def weight_gradients(self) -> dict[str, Tensor]:
        """Gradient of the cross entropy by layer."""
        return self.backward.weights

    @cached_property
    def input_gradients_BCHW(self) -> Tensor:
        """Gradient of the sum of all logits with respect to the images.

        Nan if that sum is, or if it does not depend on the images and rounding alone is left: a
        batch norm and a mean over pixels at the end give every batch the same sum.
        """
        total = self.forward.logits_BK.sum()
        gradients_BCHW = gradients_of(total, [self.forward.x_BCHW])[0] + 0 * total.detach()
        return gradients_BCHW * (torch.nan if self._is_rounding(gradients_BCHW) else 1)

    def _is_rounding(self, gradients_BCHW: Tensor) -> bool:
        """Along it a step of an image's length changes the sum by a tenth of how logits differ.

        Networks of our spaces come to three times as much as they differ, and more; what rounding
        leaves comes to a hundredth, and less.
        """
        logits_BK = self.forward.logits_BK.detach()
        reach = gradients_BCHW.norm() * self.x_BCHW.norm() / len(logits_BK) ** 0.5
        return bool(10 * reach < (logits_BK - logits_BK.mean(dim=0)).norm())

    @cached_property
    def curvature(self) -> float:
        """Gradient times Hessian times weights, of the cross entropy, over all layers."""
        weights, gradients = list(self._leaves.values()), list(self.weight_gradients.values())
        outputs = {y.grad_fn: y.detach() for _, y in self.forward.outputs}
        try:
            return curvature(
                self.forward.logits_BK, self.y_B, weights, gradients, self.backward.at, outputs
            )
        except UnknownOperationError:
            return self._curvature_by_differentiating_twice()

    def _curvature_by_differentiating_twice(self) -> float:
        leaves = list(self._leaves.values())
        loss = F.cross_entropy(self.forward.logits_BK, self.y_B)
        live = gradients_of(loss, leaves, create_graph=True)
        along = [(g * w.detach()).sum() for g, w in zip(live, leaves, strict=True)]
        products = gradients_of(torch.stack(along).sum(), leaves)
        pairs = zip(self.weight_gradients.values(), products, strict=True)
        return sum(float((g * product).sum()) for g, product in pairs)

    @cached_property
    def relu_agreement_BB(self) -> Tensor:
        """For every two images, how many ReLUs are on for both or off for both, in float64.

        All of it is nan where what a ReLU gives is not finite, which is neither on nor off.
        """
        relus = self._all_relus()
        num_images = len(self.x_BCHW)
        both_BB = torch.zeros(num_images, num_images, dtype=torch.float64, device=self.device)
        num_units = 0
        for y, copies in relus:
            on_BA = _in_memory_order(y.detach()).flatten(1).sign().float()
            both_BB += copies * (on_BA @ on_BA.T).double() + 0 * y.detach().max()
            num_units += copies * on_BA.shape[1]
        on_B = both_BB.diagonal()
        return num_units - on_B[:, None] - on_B[None, :] + 2 * both_BB

    def _all_relus(self) -> list[tuple[Tensor, int]]:
        """ReLU outputs; a network that leaves dead ReLUs out runs once more, with all edges."""
        if not has_unrun_relus(self.network):
            return self.forward.relus
        with torch.no_grad(), all_edges(self.network), ExitStack() as hooks:
            relus = relu_outputs(self.network, hooks)
            self._call(self.network, self.parameters, self.x_BCHW)
        return relus

    @cached_property
    def ones_pass(self) -> dict[str, Tensor]:
        """Weight times gradient by layer: ones through the network with absolute weights.

        In float64 with norms off, as synflow has it; the gradient is of the sum of all outputs.
        """
        absolute = {
            name: tensor.detach().double().abs().requires_grad_()
            for name, tensor in self.parameters.items()
        }
        ones_1CHW = torch.ones_like(self.x_BCHW[:1], dtype=torch.float64)
        with without_norms(self.network):
            logits_1K = self._call(self.network, absolute, ones_1CHW)
        weights = {name: absolute[f"{name}.weight"] for name in self.weights}
        gradients = gradients_of(logits_1K.sum(), list(weights.values()))
        return {
            name: (weight * gradient).detach()
            for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
        }

    @property
    def is_collapsed(self) -> bool:
        """Outputs under constant weights come without a network, one channel to a layer."""
        return self._shortcut is not None

    def constant_outputs(self, *constants: float) -> list[Tensor]:
        """Outputs of a one-output network whose weights all equal each of *constants*, flat.

        Biases are zero; norms normalise by the batch.
        """
        if self._shortcut is not None:
            return list(self._shortcut(constants))
        with torch.no_grad():
            return [
                self._constant_output(self.constant_network, constant) for constant in constants
            ]

    def _constant_output(self, net: nn.Module, constant: float) -> Tensor:
        parameters = {
            name: torch.full_like(
                self._laid_out(parameter), 0.0 if name.endswith("bias") else constant
            )
            for name, parameter in net.named_parameters()
        }
        return self._call(net, parameters, self.x_BCHW).flatten()

    @cached_property
    def num_macs(self) -> int:
        """Multiply-adds of one image in convolutions and linear layers, dead edges too.

        Modules that multiply without weights, as attention does, say how often by ``macs_of``,
        given their output. Taken from :attr:`forward` when it has been made and ran every layer.
        Otherwise two images are run, or, for a large network, their shapes alone.
        """
        forward: ForwardPass | None = self.__dict__.get("forward")
        if (
            forward
            and not self._multipliers
            and {name for name, _ in forward.outputs} == set(self.weights)
        ):
            counts = (y.numel() * self.weights[name][0].numel() for name, y in forward.outputs)
            return sum(counts) // len(self.x_BCHW)
        x_BCHW = self.x_BCHW[:1].expand(2, *self.x_BCHW.shape[1:])  # norms refuse a single value
        if self.num_params < LARGE_PARAMS:
            return self._count_macs(self.parameters, x_BCHW)
        try:
            parameters = {name: p.to("meta") for name, p in self.parameters.items()}
            return self._count_macs(parameters, x_BCHW.to("meta"))
        except NotImplementedError:
            return self._count_macs(self.parameters, x_BCHW)

    @property
    def _multipliers(self) -> list[nn.Module]:
        return [module for module in self.network.modules() if hasattr(module, "macs_of")]

    def _count_macs(self, parameters: Mapping[str, Tensor], x_BCHW: Tensor) -> int:
        num_macs = 0

        def note(layer: nn.Module, y: Tensor) -> None:
            nonlocal num_macs
            assert isinstance(layer.weight, Tensor)
            num_macs += y.numel() * layer.weight[0].numel()

        def note_product(module: Any, y: Tensor) -> None:  # noqa: ANN401
            nonlocal num_macs
            num_macs += module.macs_of(y)

        with torch.no_grad(), all_edges(self.network), ExitStack() as hooks:
            for layer in layers_of(self.network).values():
                hooks.enter_context(watched(layer, partial(note, layer)))
            for module in self._multipliers:
                hooks.enter_context(watched(module, partial(note_product, module)))
            self._call(self.network, parameters, x_BCHW)
        return num_macs // len(x_BCHW)


def _in_memory_order(y: Tensor) -> Tensor:
    is_last = y.ndim == 4 and y.is_contiguous(memory_format=torch.channels_last)
    return y.permute(0, 2, 3, 1) if is_last else y


def _per_channel(y: Tensor, gradient: Tensor) -> Tensor:
    """Sum over pixels of activation times gradient, by image and channel."""
    product = y.detach() * gradient
    return product.sum(dim=(2, 3)) if product.ndim == 4 else product
