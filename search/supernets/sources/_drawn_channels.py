"""Entangled weights whose smaller sizes are not always the first channels.

How to Train Your Super-Net (Yu et al., 2020, arXiv:2003.04276), as in a later code base by the
same author: a layer that needs fewer channels than there are takes a chunk at a random place, a
random subset, or all of them averaged. That every layer draws by itself, once a step, and that
the first channels are taken outside of steps, is ours.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from search.supernets.mix import Mix
from search.supernets.slots import Shape, Slot
from search.supernets.sources import Tensors, WeightSource, with_tensors
from search.supernets.sources._tensors import Held, cropped, hull, module_name, padded

Channels = Literal["first", "chunk", "subset", "interpolated"]
Drawn = Callable[[int], NDArray[np.int64]]  # so many channels of an axis


class DrawnChannels(WeightSource):
    """One full tensor for each layer, of which a choice uses channels by a policy.

    Not in the registry: a recipe knows the policy. Kernels are the middle of the full ones.

    Args:
        slots: of the supernet.
        generator: draws first values, those of entangled weights.
        policy: ``chunk`` and ``subset`` take other channels at every step; ``interpolated`` takes
            averages of neighbouring channels, always.
    """

    def __init__(
        self, slots: Sequence[Slot], generator: torch.Generator, /, *, policy: Channels
    ) -> None:
        super().__init__()
        self.policy = policy
        self._held = {
            slot.name: Held(slot, slot.full_shape, generator) for slot in with_tensors(slots)
        }
        for name, held in self._held.items():
            self.add_module(module_name(name), held)
        self._drawn: dict[str, list[Drawn]] = {}

    def redraw(self, rng: np.random.Generator) -> None:
        """Take other channels from now on; the same until the next call."""
        self._drawn = {
            name: [_draw(self.policy, size, rng) for size in held.weight.shape[:2]]
            for name, held in self._held.items()
        }

    def settle(self) -> None:
        """Take the first channels from now on."""
        self._drawn = {}

    def tensors(self, slot: Slot, mix: Mix) -> Tensors:
        """The channels of a one-hot mix; of any other, the padded sum over combinations."""
        key = slot.key(mix)
        if key is not None:
            return self._part(slot, slot.shapes[key])
        terms = [(slot.shapes[k], w) for k, w in mix.combinations(slot.decisions)]
        full = hull([shape for shape, _ in terms])
        parts = [(self._part(slot, shape), w) for shape, w in terms]
        weight = torch.stack([w * padded(part[0], full) for part, w in parts]).sum(0)
        biases = [w * padded(part[1], full[:1]) for part, w in parts if part[1] is not None]
        return weight, torch.stack(biases).sum(0) if biases else None

    def place(self, slot: Slot, mix: Mix) -> str:
        """The slot's name."""
        return slot.name

    def key(self, slot: Slot, mix: Mix) -> tuple[int, ...] | None:
        """The choices at the slot's decisions."""
        return slot.key(mix)

    def parameters_of(self, slot: Slot, mix: Mix | None = None) -> list[nn.Parameter]:
        """Weight and bias, whatever the mix."""
        return self._held[slot.name].parameter_list if slot.is_affine else []

    def _part(self, slot: Slot, shape: Shape) -> Tensors:
        weight, bias = self._held[slot.name].both
        if self.policy == "interpolated":
            pooled = interpolated(weight, shape)
            return pooled, None if bias is None else interpolated(bias, shape[:1])
        drawn = self._drawn.get(slot.name, [])
        part = cropped(_picked(weight, drawn, shape), shape)
        if bias is None:
            return part, None
        return part, cropped(_picked(bias, drawn, shape[:1]), shape[:1])


@contextmanager
def drawn_channels(net: nn.Module, rng: np.random.Generator) -> Iterator[None]:
    """Take other channels for the time of a step; nothing where channels are the first ones."""
    found = [
        m for m in net.modules() if isinstance(m, DrawnChannels) and m.policy != "interpolated"
    ]
    for source in found:
        source.redraw(rng)
    try:
        yield
    finally:
        for source in found:
            source.settle()


def interpolated(weight: Tensor, shape: Shape) -> Tensor:
    """Outputs and inputs averaged over equal spans down to *shape*; the middle of a kernel."""
    if weight.ndim == 1:
        flat: Tensor = F.adaptive_avg_pool1d(weight[None], shape[0])[0]
        return flat
    cut = cropped(weight, (*weight.shape[:2], *shape[2:]))
    if cut.shape == shape:
        return cut
    maps = cut.flatten(2).permute(2, 0, 1) if cut.ndim > 2 else cut[None]
    pooled = F.adaptive_avg_pool2d(maps, (shape[0], shape[1]))
    return pooled.permute(1, 2, 0).reshape(shape)


def _picked(weight: Tensor, drawn: Sequence[Drawn], shape: Shape) -> Tensor:
    """The drawn channels of the axes that are smaller than the full ones."""
    for axis, channels in enumerate(drawn[: weight.ndim]):
        if shape[axis] < weight.shape[axis]:
            places = torch.from_numpy(channels(shape[axis])).to(weight.device)
            weight = weight.index_select(axis, places)
    return weight


def _draw(policy: Channels, full: int, rng: np.random.Generator) -> Drawn:
    """Says which of all channels a smaller number of them are."""
    if policy == "subset":
        order = rng.permutation(full)
        return lambda size: order[:size]
    share = rng.random()
    return lambda size: int(share * (full - size + 1)) + np.arange(size)
