"""A network for a whole space: ``net(x, mix)``.

Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search.networks import networks
from search.spaces import Arch, Space
from search.supernets.depthwise import depthwise
from search.supernets.links import Link
from search.supernets.mix import Mix, onehot
from search.supernets.noise import Noise
from search.supernets.norms import BatchNorms, FixedNorms, Norms
from search.supernets.slots import Slot
from search.supernets.sources import WeightSource

BATCH_NORMS = BatchNorms()


class Supernet(nn.Module):
    """Computes any mix of a space's architectures with the tensors of a weight source.

    At a decision that chooses an operation the outputs are mixed, and operations of weight zero
    are not run; at a decision that chooses a size the weights are (by the weight source); at a
    decision that chooses a depth the outputs after each of the depths.

    Args:
        name: of the space.
        space: whose decisions a mix weighs.
        slots: the layers, each of its own name.
        source: where their tensors come from.
        shape: channels, height and width of one image.
        num_classes: how many outputs.
    """

    def __init__(  # what every supernet has
        self,
        name: str,
        space: Space,
        slots: Sequence[Slot],
        source: WeightSource,
        shape: tuple[int, int, int],
        num_classes: int,
    ) -> None:
        super().__init__()
        self.name = name
        self.space = space
        self.slots = {slot.name: slot for slot in slots}
        assert len(self.slots) == len(slots), "two slots of one name"
        self.source = source
        self.shape = shape
        self.num_classes = num_classes
        self.network_params: dict[str, Any] = {}

    def forward(
        self, x_BCHW: Tensor, mix: Mix, norms: Norms = BATCH_NORMS, noise: Noise | None = None
    ) -> Tensor:
        """Logits, B x K.

        Args:
            x_BCHW: images.
            mix: weights over the choices of every decision.
            norms: whose statistics normalise.
            noise: dropout and drop path.
        """
        raise NotImplementedError

    def links(self, arch: Arch) -> list[Link]:
        """The network of *arch* as a chain; by itself, of one link."""
        mix = onehot(arch)
        return [Link(lambda x, norms: self(x, mix, norms), list(self.slots.values()), arch)]

    def plain_slots(self, arch: Arch) -> Iterator[tuple[str, Slot]]:
        """Layers of the plain network of *arch*: the name of the module there, and the slot."""
        raise NotImplementedError

    def inner_channels(self) -> list[list[tuple[Slot, int]]]:
        """Channels that only one block sees: for each block its layers, and the axis there.

        The last layer is the one that reads them.
        """
        return []

    def image_size(self, arch: Arch) -> tuple[int, int]:
        """Height and width of the images that the network of *arch* computes with."""
        return self.shape[1:]

    def plain(self, arch: Arch) -> nn.Module:
        """The plain network of *arch*, on this one's device, with weights of its own."""
        return networks[self.name](
            arch,
            shape=self.shape,
            num_classes=self.num_classes,
            generator=torch.Generator().manual_seed(0),
            device=next(self.parameters()).device,
            **self.network_params,
        )

    def collapse(self, arch: Arch, norms: FixedNorms | None = None) -> nn.Module:
        """The plain network of *arch*, in training mode, with copies of its weights.

        Args:
            arch: the subnet.
            norms: statistics for its batch norms, as from a calibration; else as if untrained.
        """
        net = self.plain(arch)
        mix = onehot(arch)
        state = net.state_dict()
        with torch.no_grad():
            for name, slot in self.plain_slots(arch):
                for field, tensor in self._plain_tensors(slot, mix, norms).items():
                    state[f"{name}.{field}"].copy_(tensor)
        return net

    def macs(self, arch: Arch) -> int:
        """Multiply-adds of the network of *arch* for one image, without norms and pools."""
        height, width = self.image_size(arch)
        return sum(slot.macs(arch, height, width) for _, slot in self.plain_slots(arch))

    def parameters_at(self, place: int, choice: int) -> list[nn.Parameter]:
        """Of convolutions that exist because decision *place* has this choice."""
        mix = Mix([((choice, 1.0),)] * len(self.space.decisions))
        return [
            parameter
            for slot in self.slots.values()
            if slot.kind == "conv" and slot.decisions == (place,) and (choice,) in slot.shapes
            for parameter in self.source.parameters_of(slot, mix)
        ]

    def memory_format(self, device: torch.device) -> torch.memory_format:
        """Channels last on the CPU, where it is faster, unless that may crash."""
        is_safe = not any(slot.crashes_in_channels_last for slot in self.slots.values())
        is_better = device.type == "cpu" and is_safe
        return torch.channels_last if is_better else torch.contiguous_format

    def conv(self, x_BCHW: Tensor, slot: Slot, mix: Mix) -> Tensor:
        """Run a convolution; it keeps height and width unless it has a stride."""
        weight, bias = self.source.tensors(slot, mix)
        padding = slot.dilation * (weight.shape[-1] // 2)
        if slot.is_depthwise and bias is None:
            return depthwise(x_BCHW, weight, slot.stride, padding, slot.dilation)
        groups = weight.shape[0] if slot.is_depthwise else 1
        return F.conv2d(x_BCHW, weight, bias, slot.stride, padding, slot.dilation, groups)

    def linear(self, x: Tensor, slot: Slot, mix: Mix) -> Tensor:
        """Run a linear layer."""
        return F.linear(x, *self.source.tensors(slot, mix))

    @property
    def keeps_statistics(self) -> bool:
        """Some norm normalises by statistics of the batch."""
        return any(slot.kind == "norm" and slot.keeps_statistics for slot in self.slots.values())

    def norm(self, x_BCHW: Tensor, slot: Slot, mix: Mix, norms: Norms) -> Tensor:
        """Run a batch norm."""
        source = self.source
        weight, bias = source.tensors(slot, mix) if slot.is_affine else (None, None)
        return norms(x_BCHW, weight, bias, source.place(slot, mix))

    def conv_norm(
        self, x_BCHW: Tensor, slots: tuple[Slot, Slot], mix: Mix, norms: Norms
    ) -> Tensor:
        """Run a convolution and the norm behind it."""
        return self.norm(self.conv(x_BCHW, slots[0], mix), slots[1], mix, norms)

    def _plain_tensors(self, slot: Slot, mix: Mix, norms: FixedNorms | None) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        if slot.is_affine:
            weight, bias = self.source.tensors(slot, mix)
            found = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        moments = norms.moments.get(self.source.place(slot, mix)) if norms else None
        if slot.kind == "norm" and moments:
            arch = mix.arch
            assert arch is not None
            (channels,) = slot.shape_of(arch)
            found["running_mean"] = moments[0][:channels]
            found["running_var"] = moments[1][:channels]
        return found


def fix_norms(net: Supernet) -> None:
    """Keep scale and shift of all norms as they are: How to Train Your Super-Net, affine off."""
    for slot in net.slots.values():
        if slot.kind == "norm":
            for parameter in net.source.parameters_of(slot):
                parameter.requires_grad_(False)


def zero_branch_ends(net: Supernet) -> None:
    """Start the scale of the last norm of every residual branch at 0, so that it is the identity.

    Goyal et al. (2017), arXiv:1706.02677; BigNAS. Where a branch ends in a linear layer, as in
    transformers, its weight and bias start at 0 instead; this is ours.
    """
    for slot in net.slots.values():
        if slot.ends_branch:
            parameters = net.source.parameters_of(slot)
            for parameter in parameters[::2] if slot.kind == "norm" else parameters:
                nn.init.zeros_(parameter)


def largest(space: Space) -> Arch:
    """The arch with the last choice everywhere.

    Raises:
        ValueError: a decision chooses an operation, so that nothing is largest.
    """
    _require_sizes(space)
    return tuple(len(decision.choices) - 1 for decision in space.decisions)


def smallest(space: Space) -> Arch:
    """The arch with the first choice everywhere.

    Raises:
        ValueError: a decision chooses an operation, so that nothing is smallest.
    """
    _require_sizes(space)
    return (0,) * len(space.decisions)


def _require_sizes(space: Space) -> None:
    for decision in space.decisions:
        if decision.kind == "op":
            raise ValueError(
                f"decision {decision.name} chooses an operation, not a size: there is no largest "
                "and no smallest network"
            )
