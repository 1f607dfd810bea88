"""Slots: the layers of a supernet, each with the shape of its tensors for every choice.

A table is a layer that reads nothing, such as the vectors of places in a transformer.

Shapes: of a weight, O outputs, I inputs, and height and width of a kernel.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from search.spaces import Arch
from search.supernets.mix import Mix

Shape = tuple[int, ...]

_PART = re.compile(r"(?:cells|layers|stages|blocks)\.(\d+)\.", re.ASCII)


@dataclass(frozen=True, eq=False)
class Slot:
    """One layer, whatever tensors a weight source gives it.

    Attributes:
        name: unique within a supernet.
        shapes: of the weight, by the choices at *decisions*; a norm's is its channels alone.
        decisions: places of the decisions that size the layer, or choose it.
        is_affine: has a weight; a norm without is only its statistics.
        has_bias: has a bias of O entries; every affine norm has.
        is_depthwise: a convolution channel by channel.
        strides: of the layers up to and including this one where they are not 1, for counting.
        is_pooled: a convolution of a map of one pixel.
        ends_branch: the last norm of a residual branch, or its last layer where no norm follows.
        rows: of an image, that a linear layer reads one by one.
        keeps_statistics: of a norm: it normalises by statistics of the batch, or of one image.
        is_feed_forward: of the two layers of a transformer's MLP.
    """

    name: str
    kind: Literal["conv", "linear", "norm", "table"]
    shapes: Mapping[Arch, Shape]
    decisions: tuple[int, ...] = ()
    is_affine: bool = True
    has_bias: bool = False
    stride: int = 1
    dilation: int = 1
    is_depthwise: bool = False
    strides: tuple[int, ...] = field(default=())
    is_pooled: bool = False
    ends_branch: bool = False
    rows: int = 1
    keeps_statistics: bool = True
    is_feed_forward: bool = False

    @cached_property
    def part(self) -> int | None:
        """The number of the cell, layer, stage or block that it lies in; None outside of them."""
        found = _PART.match(self.name)
        return int(found[1]) if found else None

    @cached_property
    def full_shape(self) -> Shape:
        """The smallest that every shape fits into."""
        return tuple(max(sizes) for sizes in zip(*self.shapes.values(), strict=True))

    def key(self, mix: Mix) -> Arch | None:
        """What *mix* chooses at the decisions of the slot; None where it is no single choice."""
        if not self.decisions:
            return ()
        choices = mix.choices
        key = tuple([choices[place] for place in self.decisions])
        return None if None in key else key  # type: ignore[return-value]  # no None is left

    def shape_of(self, arch: Arch) -> Shape:
        """Of the weight, in the network of *arch*."""
        return self.shapes[tuple(arch[place] for place in self.decisions)]

    def macs(self, arch: Arch, height: int, width: int) -> int:
        """Multiply-adds for one image of this size; norms and tables count nothing."""
        if self.kind in ("norm", "table"):
            return 0
        count = 1
        for size in self.shape_of(arch):
            count *= size
        if self.kind == "linear" or self.is_pooled:
            return count * self.rows
        for stride in self.strides:
            height, width = -(-height // stride), -(-width // stride)
        return count * height * width

    @property
    def crashes_in_channels_last(self) -> bool:
        """Whether oneDNN may write past the end of the weight gradient (seen with torch 2.13).

        It does for few input channels and a stride that skips pixels.
        """
        if self.kind != "conv":
            return False
        return any(
            shape[-1] < self.stride and shape[0 if self.is_depthwise else 1] < 16
            for shape in self.shapes.values()
        )
