"""A network and a batch, and how they are run without being changed.

Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from search.errors import NotApplicableError
from search.layout import laid_out, memory_format_for
from search.passes import all_edges, forked, gradients_of, layers_of, out_of_place
from search.redrawing import Draw, redrawn
from search.seeds import seed_of


@dataclass(frozen=True)
class Batch:
    """Images and labels that networks are measured on."""

    x_BCHW: Tensor
    y_B: Tensor
    num_classes: int


class Subject:
    """A network and a batch, neither of which is ever changed.

    Passes run on copies of the parameters, and what they draw comes from a forked generator.

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

    @cached_property
    def network(self) -> nn.Module:
        """The network as built. Read it; never write to it."""
        return self.fresh_network(self.batch.num_classes)

    @cached_property
    def constant_network(self) -> nn.Module:
        """A network with one output, for weights that are all equal; its own say nothing."""
        return self.fresh_network(1)

    def fresh_network(self, num_classes: int) -> nn.Module:
        """Another network of the same seed, for whoever has to change it."""
        generator = torch.Generator().manual_seed(self.seed)
        net = self._build(num_classes=num_classes, generator=generator)
        return (net if self.device.type == "cpu" else net.to(self.device)).train()

    @cached_property
    def x_BCHW(self) -> Tensor:
        """The images on the device."""
        return self._laid_out(self.batch.x_BCHW.detach().to(self.device))

    @cached_property
    def _memory_format(self) -> torch.memory_format:
        known: nn.Module | None = self.__dict__.get("constant_network")  # spares building another
        return memory_format_for(self.network if known is None else known, self.device)

    def _laid_out(self, tensor: Tensor) -> Tensor:
        return laid_out(tensor, self._memory_format) if tensor.ndim == 4 else tensor

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
        tensors = {**parameters, **(buffers or self.buffers(x_BCHW.dtype))}
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

    def buffers(self, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
        """Copies of the network's buffers by name, those of floats in another *dtype* if given."""
        return {
            name: buffer.to(dtype if buffer.is_floating_point() else None, copy=True)
            for name, buffer in self.network.named_buffers()
        }

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
