"""Making, cutting and padding the tensors of slots."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search.supernets.slots import Shape, Slot


class Held(nn.Module):
    """A weight and perhaps a bias of one slot.

    First values are those of the plain networks: uniform within one over the root of the fan-in,
    norms the identity.
    """

    def __init__(self, slot: Slot, shape: Shape, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(_first_weight(slot, shape, generator))
        self.bias = _first_bias(slot, shape, generator)

    @property
    def both(self) -> tuple[nn.Parameter, nn.Parameter | None]:
        """Weight and bias."""
        return self.weight, self.bias

    @property
    def parameter_list(self) -> list[nn.Parameter]:
        """Weight, and bias where there is one."""
        return [self.weight] if self.bias is None else [self.weight, self.bias]


def module_name(text: str) -> str:
    """*text* as a name that a module may have."""
    return text.replace(".", "/")


def cropped(weight: Tensor, shape: Shape) -> Tensor:
    """The first outputs and inputs, and the middle of the kernel."""
    if weight.shape == shape:
        return weight
    places = tuple(slice(0, size) for size in shape[:2])
    if len(shape) == 4 and weight.shape[2:] != shape[2:]:
        starts = [
            (full - size) // 2 for full, size in zip(weight.shape[2:], shape[2:], strict=True)
        ]
        places += tuple(slice(s, s + size) for s, size in zip(starts, shape[2:], strict=True))
    return weight[places]


def padded(weight: Tensor, shape: Shape) -> Tensor:
    """Inverse of :func:`cropped`, with zeros."""
    if weight.shape == shape:
        return weight
    margins: list[int] = []
    for axis in reversed(range(weight.ndim)):
        missing = shape[axis] - weight.shape[axis]
        before = missing // 2 if axis >= 2 else 0
        margins += [before, missing - before]
    return F.pad(weight, margins)


def hull(shapes: Sequence[Shape]) -> Shape:
    """The smallest that every shape fits into."""
    return tuple(max(sizes) for sizes in zip(*shapes, strict=True))


def _first_weight(slot: Slot, shape: Shape, generator: torch.Generator) -> Tensor:
    if slot.kind == "norm":
        return torch.ones(shape)
    return torch.empty(shape).uniform_(-1, 1, generator=generator) * _bound(shape)


def _first_bias(slot: Slot, shape: Shape, generator: torch.Generator) -> nn.Parameter | None:
    if slot.kind == "norm":
        return nn.Parameter(torch.zeros(shape))
    if not slot.has_bias:
        return None
    drawn = torch.empty(shape[0]).uniform_(-1, 1, generator=generator)
    return nn.Parameter(drawn * _bound(shape))


def _bound(shape: Shape) -> float:
    return 1 / math.sqrt(math.prod(shape[1:]))
