"""Entangled weights: one full tensor for a layer; smaller choices are parts of it."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from search.spaces import Arch
from search.spaces._choices import index_of
from search.supernets.mix import Mix
from search.supernets.slots import Shape, Slot
from search.supernets.sources import Tensors, WeightSource, sources, with_tensors
from search.supernets.sources._tensors import Held, cropped, hull, module_name


@sources.register
class Entangled(WeightSource):
    """One full tensor for each layer, of which a choice uses the first channels and the middle.

    Weights of a mix are the full weights times, at every entry, the sum of the weights of those
    choices that include it: the combined superposition of TangleNAS (Sukthanker et al., 2023,
    arXiv:2312.10440), code, in closed form.
    """

    def __init__(self, slots: Sequence[Slot], generator: torch.Generator, /) -> None:
        super().__init__()
        self._held = {
            slot.name: Held(slot, slot.full_shape, generator) for slot in with_tensors(slots)
        }
        for name, held in self._held.items():
            self.add_module(module_name(name), held)

    def tensors(self, slot: Slot, mix: Mix) -> Tensors:
        """Slices for a one-hot mix, the superposition for any other."""
        return part_of(*self._held[slot.name].both, slot, mix)

    def place(self, slot: Slot, mix: Mix) -> str:
        """The slot's name."""
        return slot.name

    def key(self, slot: Slot, mix: Mix) -> Arch | None:
        """The choices at the slot's decisions."""
        return slot.key(mix)

    def parameters_of(self, slot: Slot, mix: Mix | None = None) -> list[nn.Parameter]:
        """Weight and bias, whatever the mix."""
        return self._held[slot.name].parameter_list if slot.is_affine else []


def part_of(weight: Tensor, bias: Tensor | None, slot: Slot, mix: Mix) -> Tensors:
    """What a mix uses of full tensors: slices, or the superposition of slices."""
    key = slot.key(mix)
    if key is None:
        return _superposed(weight, bias, slot, mix)
    shape = slot.shapes[key]
    return cropped(weight, shape), None if bias is None else cropped(bias, shape[:1])


def _superposed(weight: Tensor, bias: Tensor | None, slot: Slot, mix: Mix) -> Tensors:
    terms = [(slot.shapes[key], w) for key, w in mix.combinations(slot.decisions)]
    shapes = [shape for shape, _ in terms]
    weights_T = torch.stack([torch.as_tensor(w, device=weight.device) for _, w in terms])
    full = hull(shapes)
    factor = coverage(shapes, weights_T.to(weight.dtype))
    if bias is None:
        return cropped(weight, full) * factor, None
    factor_O = coverage([shape[:1] for shape in shapes], weights_T.to(weight.dtype))
    return cropped(weight, full) * factor, cropped(bias, full[:1]) * factor_O


def coverage(shapes: Sequence[Shape], weights_T: Tensor) -> Tensor:
    """At every entry of the largest shape, the sum of the weights of the shapes that include it.

    Shapes are nested on every axis, so what includes an entry is a tail of the sizes.

    Args:
        shapes: T of them; kernels are square.
        weights_T: one for each shape.
    """
    axes = [sorted({shape[axis] for shape in shapes}) for axis in range(min(3, len(shapes[0])))]
    counts = [len(sizes) for sizes in axes]
    cells = [[sizes.index(shape[a]) for a, sizes in enumerate(axes)] for shape in shapes]
    grid = weights_T.new_zeros(math.prod(counts)).index_add(
        0, torch.tensor(_numbers(cells, counts), device=weights_T.device), weights_T
    )
    grid = grid.view(counts)
    for axis in range(len(axes)):
        grid = grid.flip(axis).cumsum(axis).flip(axis)
    for axis, sizes in enumerate(axes[:2]):
        grid = grid.index_select(axis, _levels(sizes, grid.device))
    if len(shapes[0]) < 3:
        return grid
    rings_K = _rings(axes[2], grid.device)
    return grid[..., torch.maximum(rings_K[:, None], rings_K)]


def _numbers(cells: Sequence[Sequence[int]], counts: Sequence[int]) -> list[int]:
    """Places in a flattened grid."""
    return [index_of(counts, tuple(cell)) for cell in cells]


def _levels(sizes: Sequence[int], device: torch.device) -> Tensor:
    """For every channel, the place of the smallest size that includes it."""
    levels = [k for k, (low, high) in enumerate(pairwise((0, *sizes))) for _ in range(low, high)]
    return torch.tensor(levels, device=device)


def _rings(sizes: Sequence[int], device: torch.device) -> Tensor:
    """For every row of the largest kernel, the place of the smallest kernel that reaches it."""
    full = sizes[-1]
    reaches = [((full - size) // 2, (full - size) // 2 + size) for size in sizes]
    rows = [
        next(k for k, (first, end) in enumerate(reaches) if first <= row < end)
        for row in range(full)
    ]
    return torch.tensor(rows, device=device)
