"""Entangled weights whose smaller kernels are learned functions of the larger ones.

The kernel transform of Once-for-All (Cai et al., 2020, arXiv:1908.09791), which How to Train Your
Super-Net (Yu et al., 2020, arXiv:2003.04276) has as a factor: the middle of a kernel, times a
matrix that all channels of a layer have in common.
"""

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor, nn

from search.spaces import Space
from search.supernets.mix import Mix
from search.supernets.slots import Slot
from search.supernets.sources import SourceMaker, Tensors, WeightSource
from search.supernets.sources._tensors import cropped, hull, module_name, padded


class TransformedKernels(WeightSource):
    """A kernel is the middle of the next larger one times a matrix, which starts as the identity.

    Not in the registry: it needs the space, and weights that choices of kernels share.

    Args:
        slots: of the supernet.
        generator: draws first values, those of the inner source.
        inner: the source of the largest kernels; gives the middle of them for smaller ones.
        space: which of its decisions choose kernels.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        generator: torch.Generator,
        /,
        *,
        inner: SourceMaker,
        space: Space,
    ) -> None:
        super().__init__()
        self.inner = inner(slots, generator)
        self.matrices = nn.ParameterDict()
        self._places: dict[str, int] = {}
        for slot in slots:  # a norm has the decisions of its convolution, but no kernel
            places = [p for p in slot.decisions if space.decisions[p].kind == "kernel"]
            if places and slot.kind == "conv":
                self._places[slot.name] = places[0]
                for size in _sizes(slot)[1:]:
                    self.matrices[_name(slot, size)] = nn.Parameter(torch.eye(size * size))

    def tensors(self, slot: Slot, mix: Mix) -> Tensors:
        """The kernel of a one-hot mix; of any other, the padded sum of all."""
        place = self._places.get(slot.name)
        if place is None:
            return self.inner.tensors(slot, mix)
        sizes = {key[slot.decisions.index(place)]: s[-1] for key, s in slot.shapes.items()}
        largest = max(sizes, key=sizes.__getitem__)
        whole, bias = self.inner.tensors(slot, mix.at(place, largest))
        chosen = mix.choices[place]
        if chosen is not None:
            return self._reduced(slot, whole, sizes[chosen]), bias
        parts = [(self._reduced(slot, whole, sizes[k]), w) for k, w in mix.terms[place]]
        full = hull([tuple(part.shape) for part, _ in parts])
        weight = torch.stack([w * padded(part, full) for part, w in parts]).sum(0)
        return weight, None if bias is None else bias * sum(w for _, w in parts)

    def place(self, slot: Slot, mix: Mix) -> str:
        """As in the inner source."""
        return self.inner.place(slot, mix)

    def key(self, slot: Slot, mix: Mix) -> Hashable:
        """As in the inner source."""
        return self.inner.key(slot, mix)

    def parameters_of(self, slot: Slot, mix: Mix | None = None) -> list[nn.Parameter]:
        """Those of the inner source, and the matrices, whatever the mix."""
        sizes = _sizes(slot)[1:] if slot.name in self._places else []
        matrices = [self.matrices[_name(slot, size)] for size in sizes]
        return [*self.inner.parameters_of(slot, mix), *matrices]

    def _reduced(self, slot: Slot, weight: Tensor, size: int) -> Tensor:
        """From size to size, down to the wanted one."""
        for smaller in _sizes(slot)[1:]:
            if smaller < size:
                break
            middle = cropped(weight, (*weight.shape[:2], smaller, smaller)).flatten(2)
            matrix = self.matrices[_name(slot, smaller)]
            weight = (middle @ matrix.T).unflatten(2, (smaller, smaller))
        return weight


def _sizes(slot: Slot) -> list[int]:
    """Of its kernels, the largest first."""
    return sorted({shape[-1] for shape in slot.shapes.values()}, reverse=True)


def _name(slot: Slot, size: int) -> str:
    return f"{module_name(slot.name)} {size}"
