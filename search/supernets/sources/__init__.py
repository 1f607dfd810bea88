"""Weight sources: where the layers of a supernet get their tensors from."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from search.registry import Registry
from search.supernets.mix import Mix
from search.supernets.slots import Slot

Tensors = tuple[Tensor, Tensor | None]  # a weight and perhaps a bias


class WeightSource(nn.Module):
    """Keeps parameters, and gives every slot its tensors for a mix.

    Size decisions mix weights: the tensors of a mix are the sum over combinations of choices of
    the combination's weight times the tensors of that combination, padded with zeros; outputs and
    inputs are padded at the end, kernels all around. So for a one-hot mix they are those of its
    architecture, of its own size.
    """

    def tensors(self, slot: Slot, mix: Mix) -> Tensors:
        """The tensors of *slot* for *mix*, with their gradients."""
        raise NotImplementedError

    def place(self, slot: Slot, mix: Mix) -> str:
        """Name of the parameters that *slot* uses; statistics of norms are kept under it."""
        raise NotImplementedError

    def key(self, slot: Slot, mix: Mix) -> Hashable:
        """Mixes of equal keys have equal tensors and places here; by itself, the whole arch."""
        return mix.arch

    def undecayed(self) -> list[nn.Parameter]:
        """Parameters of this source, not of inner ones, that no weight decay is for."""
        return []

    def parameters_of(self, slot: Slot, mix: Mix | None = None) -> list[nn.Parameter]:
        """Parameters behind *slot*: of a one-hot mix, or all."""
        raise NotImplementedError


class SourceMaker(Protocol):
    """Makes a weight source; keyword arguments with defaults are its parameters."""

    def __call__(
        self,
        slots: Sequence[Slot],
        generator: torch.Generator,
        /,
        *_: Any,  # noqa: ANN401
        **params: Any,  # noqa: ANN401
    ) -> WeightSource:
        """First values come from *generator*, in the order of *slots*."""


sources: Registry[SourceMaker] = Registry(__name__)


def with_tensors(slots: Iterable[Slot]) -> list[Slot]:
    """Slots that have any: not norms that are only their statistics."""
    return [slot for slot in slots if slot.is_affine]
