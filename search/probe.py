"""What can be measured on one untrained network and one batch, each at most once.

Shapes: B images, C channels, H height, W width, K classes; of a weight, O outputs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from search.tangent import UnknownOperationError, hessian_times_weights

LAYERS = (nn.Conv2d, nn.Linear)
NORMS = (nn.modules.batchnorm._BatchNorm,)


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
    """

    def __init__(
        self,
        build: Callable[..., nn.Module],
        batch: Batch,
        *,
        seed: int,
        device: torch.device | str = "cpu",
        constant_outputs: Callable[[Sequence[float]], Sequence[Tensor]] | None = None,
    ) -> None:
        self.batch = batch
        self.seed = seed
        self.device = torch.device(device)
        self._build = build
        self._shortcut = constant_outputs

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
        return {name: self._parameters[f"{name}.weight"] for name in _layers(self.network)}

    @cached_property
    def num_params(self) -> int:
        """All trainable parameters."""
        return sum(p.numel() for p in self.network.parameters() if p.requires_grad)

    @cached_property
    def _parameters(self) -> dict[str, Tensor]:
        """Parameters as leaves of our own; the values are shared, never written."""
        return {
            name: self._laid_out(parameter.detach()).requires_grad_(parameter.requires_grad)
            for name, parameter in self.network.named_parameters()
        }

    def _call(self, net: nn.Module, parameters: Mapping[str, Tensor], x_BCHW: Tensor) -> Tensor:
        """Logits of *net* with these parameters; buffers are copies."""
        buffers = {
            name: buffer.to(x_BCHW.device, copy=True) for name, buffer in net.named_buffers()
        }
        with _forked(self.seed, self.device), _out_of_place(net):
            logits_BK: Tensor = functional_call(net, (dict(parameters), buffers), x_BCHW)
        return logits_BK

    @cached_property
    def forward(self) -> ForwardPass:
        """The batch through the network as built, in training mode."""
        leaf_BCHW = self.x_BCHW.detach().requires_grad_()
        outputs: list[tuple[str, Tensor]] = []

        def note_output(name: str, y: Tensor) -> None:
            outputs.append((name, y))

        with ExitStack() as hooks:
            for name, layer in _layers(self.network).items():
                hooks.enter_context(_watched(layer, partial(note_output, name)))
            relus = _relu_outputs(self.network, hooks)
            logits_BK = self._call(self.network, self._parameters, leaf_BCHW.clone())
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
            gradients = _gradients(loss, list(self._leaves.values()))
        return BackwardPass(dict(zip(self.weights, gradients, strict=True)), channels)

    @property
    def weight_gradients(self) -> dict[str, Tensor]:
        """Gradient of the cross entropy by layer."""
        return self.backward.weights

    @cached_property
    def input_gradients_BCHW(self) -> Tensor:
        """Gradient of the sum of all logits with respect to the images."""
        return _gradients(self.forward.logits_BK.sum(), [self.forward.x_BCHW])[0]

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
        logits_BK = self._call(self.network, self._parameters, self.x_BCHW)
        live = _gradients(F.cross_entropy(logits_BK, self.y_B), leaves, create_graph=True)
        along = [(g * w.detach()).sum() for g, w in zip(live, leaves, strict=True)]
        return _gradients(torch.stack(along).sum(), leaves)

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
        if not any(getattr(m, "has_unrun_relus", False) for m in self.network.modules()):
            return self.forward.relus
        with torch.no_grad(), _all_edges(self.network), ExitStack() as hooks:
            relus = _relu_outputs(self.network, hooks)
            self._call(self.network, self._parameters, self.x_BCHW)
        return relus

    @cached_property
    def ones_pass(self) -> dict[str, Tensor]:
        """Weight times gradient by layer: ones through the network with absolute weights.

        In float64 with norms off, as synflow has it; the gradient is of the sum of all outputs.
        """
        absolute = {
            name: tensor.detach().double().abs().requires_grad_()
            for name, tensor in self._parameters.items()
        }
        ones_1CHW = torch.ones_like(self.x_BCHW[:1], dtype=torch.float64)
        with _without_norms(self.network):
            logits_1K = self._call(self.network, absolute, ones_1CHW)
        weights = {name: absolute[f"{name}.weight"] for name in self.weights}
        gradients = _gradients(logits_1K.sum(), list(weights.values()))
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
            parameters = {name: p.to("meta") for name, p in self._parameters.items()}
            return self._count_macs(parameters, x_BCHW.to("meta"))
        except NotImplementedError:
            return self._count_macs(self._parameters, x_BCHW)

    def _count_macs(self, parameters: Mapping[str, Tensor], x_BCHW: Tensor) -> int:
        num_macs = 0

        def note(layer: nn.Module, y: Tensor) -> None:
            nonlocal num_macs
            assert isinstance(layer.weight, Tensor)
            num_macs += y.numel() * layer.weight[0].numel()

        with torch.no_grad(), _all_edges(self.network), ExitStack() as hooks:
            for layer in _layers(self.network).values():
                hooks.enter_context(_watched(layer, partial(note, layer)))
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


def _layers(net: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    return {name: m for name, m in net.named_modules() if isinstance(m, LAYERS)}


def _relu_outputs(net: nn.Module, hooks: ExitStack) -> list[tuple[Tensor, int]]:
    """A list that fills with ReLU outputs, and how many ReLUs each stands for, as *net* runs."""
    seen: list[tuple[Tensor, int]] = []

    def note(copies: int, y: Tensor) -> None:
        seen.append((y, copies))

    for module in net.modules():
        if isinstance(module, nn.ReLU | nn.ReLU6):
            hooks.enter_context(_watched(module, partial(note, getattr(module, "copies", 1))))
    return seen


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


def _gradients(loss: Tensor, inputs: list[Tensor], *, create_graph: bool = False) -> list[Tensor]:
    """Gradients of *loss*, zero where it does not depend on an input; the graph is kept."""
    if not loss.requires_grad:
        return [torch.zeros_like(tensor) for tensor in inputs]
    return list(
        torch.autograd.grad(
            loss, inputs, retain_graph=True, create_graph=create_graph, materialize_grads=True
        )
    )


def _per_channel(y: Tensor, gradient: Tensor) -> Tensor:
    """Sum over pixels of activation times gradient, by image and channel."""
    product = y.detach() * gradient
    return product.sum(dim=(2, 3)) if product.ndim == 4 else product


@contextmanager
def _watched(module: nn.Module, see: Callable[[Tensor], None]) -> Iterator[None]:
    handle = module.register_forward_hook(lambda _module, _args, y: see(y))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _forked(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators for dropout and its kind, and put them back afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed(seed)
        yield


@contextmanager
def _all_edges(net: nn.Module) -> Iterator[None]:
    """Have networks that leave dead edges out run them too."""
    modules = [m for m in net.modules() if getattr(m, "runs_dead_edges", None) is False]
    for module in modules:
        module.runs_dead_edges = True  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in modules:
            module.runs_dead_edges = False  # type: ignore[assignment]


@contextmanager
def _out_of_place(net: nn.Module) -> Iterator[None]:
    """Let no activation overwrite the output of the layer before it."""
    changed = [m for m in net.modules() if getattr(m, "inplace", False) is True]
    for module in changed:
        module.inplace = False  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in changed:
            module.inplace = True  # type: ignore[assignment]


@contextmanager
def _without_norms(net: nn.Module) -> Iterator[None]:
    """Put the identity in the place of every batch norm."""
    norms = [
        (parent, name, child)
        for parent in net.modules()
        for name, child in parent.named_children()
        if isinstance(child, NORMS)
    ]
    for parent, name, _ in norms:
        parent._modules[name] = nn.Identity()
    try:
        yield
    finally:
        for parent, name, child in norms:
            parent._modules[name] = child
