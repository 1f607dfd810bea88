"""What can be measured on one untrained network and one batch, each at most once.

Shapes: B images, C channels, H height, W width, K classes; of a weight, O outputs.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from search.errors import NotApplicableError
from search.passes import (
    all_edges,
    forked,
    gradients_of,
    has_unrun_relus,
    layers_of,
    out_of_place,
    relu_outputs,
    watched,
    without_norms,
)
from search.redrawing import Draw, redrawn
from search.seeds import seed_of
from search.tangent import UnknownOperationError, hessian_times_weights

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """Images and labels that networks are measured on."""

    x_BCHW: Tensor
    y_B: Tensor
    num_classes: int


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
        channels: for every call of a layer its name and, by image and output channel, the sum
            over pixels of activation times gradient.
    """

    weights: dict[str, Tensor]
    channels: list[tuple[str, Tensor]]


class Probe:
    """A network and a batch; measurements are lazy, cached and seeded.

    Proxies read it. Neither the network nor the batch is ever changed: passes run on copies of
    the parameters, and what they draw comes from a forked generator.

    Args:
        build: called with ``num_classes`` and ``generator``; gives a fresh network in training
            mode.
        batch: images and labels; moved to *device*.
        seed: of everything drawn.
        device: where to run.
        constant_outputs: a faster way to :meth:`constant_outputs`, when there is one.
        further_batch: gives batches of other images, by number from 1; None when there are none.
    """

    def __init__(
        self,
        build: Callable[..., nn.Module],
        batch: Batch,
        *,
        seed: int,
        device: torch.device | str = "cpu",
        constant_outputs: Callable[[Sequence[float]], Sequence[Tensor]] | None = None,
        further_batch: Callable[[int], Batch] | None = None,
    ) -> None:
        self.batch = batch
        self.seed = seed
        self.device = torch.device(device)
        self._build = build
        self._shortcut = constant_outputs
        self._further_batch = further_batch
        self._measured: dict[Hashable, Any] = {}

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
    def network(self) -> nn.Module:
        """The network as built. Read it; never write to it."""
        return self.fresh_network(self.batch.num_classes)

    def fresh_network(self, num_classes: int) -> nn.Module:
        """Another network of the same seed, for whoever has to change it."""
        generator = torch.Generator().manual_seed(self.seed)
        return self._build(num_classes=num_classes, generator=generator).to(self.device).train()

    @cached_property
    def x_BCHW(self) -> Tensor:
        """The images on the device."""
        return self._laid_out(self.batch.x_BCHW.detach().to(self.device))

    @cached_property
    def _memory_format(self) -> torch.memory_format:
        """Channels last on the CPU, where convolutions are faster that way."""
        on_cpu = self.device.type == "cpu"
        if on_cpu and not any(map(_crashes_in_channels_last, self.network.modules())):
            return torch.channels_last
        return torch.contiguous_format

    def _laid_out(self, tensor: Tensor) -> Tensor:
        return tensor.contiguous(memory_format=self._memory_format) if tensor.ndim == 4 else tensor

    @cached_property
    def y_B(self) -> Tensor:
        """The labels on the device."""
        return self.batch.y_B.to(self.device)

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        """Weights of convolutions and linear layers by layer, dead ones too; no biases."""
        return {name: weight.detach() for name, weight in self._leaves.items()}

    @cached_property
    def _leaves(self) -> dict[str, Tensor]:
        return {name: self.parameters[f"{name}.weight"] for name in layers_of(self.network)}

    @cached_property
    def num_params(self) -> int:
        """All trainable parameters."""
        return sum(p.numel() for p in self.network.parameters() if p.requires_grad)

    @cached_property
    def parameters(self) -> dict[str, Tensor]:
        """Parameters by name, as leaves of our own; the values are shared: never write them."""
        return {
            name: self._laid_out(parameter.detach()).requires_grad_(parameter.requires_grad)
            for name, parameter in self.network.named_parameters()
        }

    def _call(self, net: nn.Module, parameters: Mapping[str, Tensor], x_BCHW: Tensor) -> Tensor:
        """Logits of *net* with these parameters; buffers are copies."""
        buffers = {
            name: buffer.to(x_BCHW.device, copy=True) for name, buffer in net.named_buffers()
        }
        return self._pass(net, {**parameters, **buffers}, x_BCHW)

    def _pass(self, net: nn.Module, tensors: Mapping[str, Tensor], x_BCHW: Tensor) -> Tensor:
        with forked(self.seed, self.device), out_of_place(net):
            logits_BK: Tensor = functional_call(net, dict(tensors), x_BCHW)
        return logits_BK

    def run(
        self,
        parameters: Mapping[str, Tensor],
        x_BCHW: Tensor,
        *,
        buffers: Mapping[str, Tensor] | None = None,
        dead_edges: bool = False,
    ) -> Tensor:
        """Logits of the network with these parameters, in training mode.

        Args:
            parameters: all of them by name, as :attr:`parameters` or :meth:`redrawn` has them.
            x_BCHW: images on the device.
            buffers: written by the pass, so that running statistics can be read or carried on;
                copies of the network's own when left out.
            dead_edges: run also what carries nothing to the output.

        Raises:
            NotApplicableError: a batch norm has a single value to a channel.
        """
        tensors = {**parameters, **(self.buffers() if buffers is None else buffers)}
        with all_edges(self.network) if dead_edges else nullcontext():
            try:
                return self._pass(self.network, tensors, self._laid_out(x_BCHW))
            except ValueError as error:
                if "more than 1 value per channel" not in str(error):
                    raise
                why = (
                    f"batch norm has one value to a channel with {len(x_BCHW)} image(s) at a time"
                )
                raise NotApplicableError(why) from None

    def buffers(self) -> dict[str, Tensor]:
        """Copies of the network's buffers by name."""
        return {name: buffer.detach().clone() for name, buffer in self.network.named_buffers()}

    def loss_gradients(
        self, parameters: Mapping[str, Tensor], x_BCHW: Tensor, y_B: Tensor
    ) -> dict[str, Tensor]:
        """Gradient of the mean cross entropy by parameter; zero where it does not matter."""
        loss = F.cross_entropy(self.run(parameters, x_BCHW), y_B)
        leaves = {name: p for name, p in parameters.items() if p.requires_grad}
        return dict(zip(leaves, gradients_of(loss, list(leaves.values())), strict=True))

    def generator(self, *purpose: str | int) -> torch.Generator:
        """Draws on the CPU; the same for the same purpose, whatever was drawn before."""
        return torch.Generator().manual_seed(seed_of(self.seed, *purpose))

    def redrawn(self, draw: Draw, *purpose: str | int) -> dict[str, Tensor]:
        """Parameters by name with other first weights, as leaves."""
        values = redrawn(self.network, draw, self.generator("weights", *purpose))
        return {
            name: self._laid_out(value).requires_grad_(self.parameters[name].requires_grad)
            for name, value in values.items()
        }

    def noise(self, count: int, *purpose: str | int) -> Tensor:
        """Images whose pixels are standard normal, as large as those of the batch."""
        shape = (count, *self.batch.x_BCHW.shape[1:])
        drawn = torch.randn(shape, generator=self.generator("images", *purpose))
        return drawn.to(self.device, self.batch.x_BCHW.dtype)

    def batch_at(self, place: int) -> Batch:
        """The batch, at 0, or one of other images.

        Raises:
            NotApplicableError: there are not so many.
        """
        if not place:
            return self.batch
        if self._further_batch is None:
            raise NotApplicableError("there is only one batch of images")
        return self._further_batch(place)

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
        channels: list[tuple[str, Tensor]] = []

        def note(name: str, y: Tensor, gradient: Tensor) -> None:
            channels.append((name, _per_channel(y, gradient)))

        loss = F.cross_entropy(self.forward.logits_BK, self.y_B)
        with ExitStack() as hooks:
            for name, y in self.forward.outputs:
                if y.requires_grad:
                    hooks.callback(y.register_hook(partial(note, name, y)).remove)
            gradients = gradients_of(loss, list(self._leaves.values()))
        return BackwardPass(dict(zip(self.weights, gradients, strict=True)), channels)

    @property
    def weight_gradients(self) -> dict[str, Tensor]:
        """Gradient of the cross entropy by layer."""
        return self.backward.weights

    @cached_property
    def input_gradients_BCHW(self) -> Tensor:
        """Gradient of the sum of all logits with respect to the images."""
        return gradients_of(self.forward.logits_BK.sum(), [self.forward.x_BCHW])[0]

    @cached_property
    def hessian_times_weights(self) -> dict[str, Tensor]:
        """The Hessian of the cross entropy with respect to all weights, times them, by layer."""
        leaves = list(self._leaves.values())
        outputs = [y for _, y in self.forward.outputs if y.requires_grad]
        try:
            products = hessian_times_weights(self.forward.logits_BK, self.y_B, leaves, outputs)
        except UnknownOperationError:
            products = self._differentiated_twice(leaves)
        return dict(zip(self._leaves, products, strict=True))

    def _differentiated_twice(self, leaves: list[Tensor]) -> list[Tensor]:
        logits_BK = self._call(self.network, self.parameters, self.x_BCHW)
        live = gradients_of(F.cross_entropy(logits_BK, self.y_B), leaves, create_graph=True)
        along = [(g * w.detach()).sum() for g, w in zip(live, leaves, strict=True)]
        return gradients_of(torch.stack(along).sum(), leaves)

    @cached_property
    def relu_agreement_BB(self) -> Tensor:
        """For every two images, how many ReLUs are on for both or off for both, in float64."""
        relus = self._all_relus()
        num_images = len(self.x_BCHW)
        both_BB = torch.zeros(num_images, num_images, dtype=torch.float64, device=self.device)
        num_units = 0
        for y, copies in relus:
            on_BA = _in_memory_order(y.detach()).flatten(1).sign().float()
            both_BB += copies * (on_BA @ on_BA.T).double()
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

    def constant_outputs(self, *constants: float) -> list[Tensor]:
        """Outputs of a one-output network whose weights all equal each of *constants*, flat.

        Biases are zero; norms normalise by the batch.
        """
        if self._shortcut is not None:
            return list(self._shortcut(constants))
        net = self.fresh_network(1)
        with torch.no_grad():
            return [self._constant_output(net, constant) for constant in constants]

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

        Counted on shapes alone; a network that cannot run on ``meta`` is run on two images.
        """
        x_BCHW = self.x_BCHW[:1].expand(2, *self.x_BCHW.shape[1:])  # norms refuse a single value
        try:
            parameters = {name: p.to("meta") for name, p in self.parameters.items()}
            return self._count_macs(parameters, x_BCHW.to("meta"))
        except NotImplementedError:
            return self._count_macs(self.parameters, x_BCHW)

    def _count_macs(self, parameters: Mapping[str, Tensor], x_BCHW: Tensor) -> int:
        num_macs = 0

        def note(layer: nn.Module, y: Tensor) -> None:
            nonlocal num_macs
            assert isinstance(layer.weight, Tensor)
            num_macs += y.numel() * layer.weight[0].numel()

        with torch.no_grad(), all_edges(self.network), ExitStack() as hooks:
            for layer in layers_of(self.network).values():
                hooks.enter_context(watched(layer, partial(note, layer)))
            self._call(self.network, parameters, x_BCHW)
        return num_macs // len(x_BCHW)

    def images(self, count: int) -> Tensor:
        """As many images of the batch, repeated when it has fewer, in plain layout."""
        x_BCHW = self.batch.x_BCHW.detach().to(self.device)
        picks = torch.arange(count, device=self.device) % len(x_BCHW)
        return x_BCHW[picks].contiguous()

    @contextmanager
    def inference(self, x_BCHW: Tensor) -> Iterator[Callable[[], None]]:
        """What passes these images once through the network in evaluation mode, and waits."""
        modes = [(module, module.training) for module in self.network.modules()]
        self.network.eval()

        def run() -> None:
            self.network(x_BCHW)
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)

        try:
            with torch.no_grad():
                yield run
        finally:
            for module, training in modes:
                module.training = training

    @property
    def device_name(self) -> str:
        """The device as people know it."""
        if self.device.type == "cuda":
            return str(torch.cuda.get_device_name(self.device))
        return "cpu"


def _in_memory_order(y: Tensor) -> Tensor:
    is_last = y.ndim == 4 and y.is_contiguous(memory_format=torch.channels_last)
    return y.permute(0, 2, 3, 1) if is_last else y


def _crashes_in_channels_last(layer: nn.Module) -> bool:
    """Whether oneDNN may write past the end of the weight gradient (seen with torch 2.13).

    It does for few input channels and a stride that skips pixels; below 8 channels every time.
    """
    if not isinstance(layer, nn.Conv2d) or layer.in_channels >= 16:
        return False
    return any(k < s for k, s in zip(layer.kernel_size, layer.stride, strict=True))


def _per_channel(y: Tensor, gradient: Tensor) -> Tensor:
    """Sum over pixels of activation times gradient, by image and channel."""
    product = y.detach() * gradient
    return product.sum(dim=(2, 3)) if product.ndim == 4 else product
