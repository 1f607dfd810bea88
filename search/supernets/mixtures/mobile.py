"""The supernet of the elastic MobileNetV3 (Cai et al., 2020, arXiv:1908.09791).

Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from search.networks._mobile import (
    FEATURES,
    STEM_CHANNELS,
    UNIT_CHANNELS,
    UNIT_STRIDES,
    UNITS_WITH_GATES,
    UNITS_WITH_RELU,
    WIDE_CHANNELS,
    rounded,
)
from search.spaces import Arch
from search.spaces.mobile import (
    DEFAULT_RESOLUTION,
    DEPTHS,
    EXPANSIONS,
    KERNELS,
    MAX_DEPTH,
    NUM_UNITS,
    WIDTHS,
    mobile,
    side,
)
from search.supernets.links import Link
from search.supernets.mix import Mix, Weight, onehot
from search.supernets.mixtures import mixtures
from search.supernets.mixtures._layers import (
    ConvNorm,
    added,
    elastic_conv_norm,
    shapes_of,
    weighted,
)
from search.supernets.noise import Noise
from search.supernets.norms import Norms
from search.supernets.slots import Shape, Slot
from search.supernets.sources import SourceMaker
from search.supernets.supernet import BATCH_NORMS, Supernet

RESOLUTION, WIDTH = 0, 1  # places of decisions
FIRST_UNIT, PER_UNIT = 2, 1 + 2 * MAX_DEPTH
NUM_BLOCKS = NUM_UNITS * MAX_DEPTH


@dataclass(frozen=True)
class Block:
    """An inverted bottleneck; the fixed one does not widen."""

    widen: ConvNorm | None
    look: ConvNorm
    gate: tuple[Slot, Slot] | None
    narrow: ConvNorm
    has_relu: bool
    has_shortcut: bool
    place: int  # among all blocks of the largest network

    @property
    def slots(self) -> list[Slot]:
        """All layers."""
        return [*(self.widen or ()), *self.look, *(self.gate or ()), *self.narrow]

    @property
    def plain_names(self) -> list[str]:
        """What the layers are called in the plain network's block, in the same order."""
        first = 2 if self.widen else 0  # activations count
        last = first + (3 if self.gate else 2)
        names = ["layers.0.0", "layers.0.1"] if self.widen else []
        names += [f"layers.{first}.0", f"layers.{first}.1"]
        if self.gate:
            names += [f"layers.{first + 2}.squeeze", f"layers.{first + 2}.excite"]
        return [*names, f"layers.{last}.0", f"layers.{last}.1"]


class MobileSupernet(Supernet):
    """Five units of two to four blocks.

    Resolutions are mixed at the logits: the rest of the network runs once for each of them.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        num_classes: int,
        source: SourceMaker,
        generator: torch.Generator,
        *,
        resolution: int,
    ) -> None:
        stem = _scaled_conv_norm("stem.0", lambda w: (_stem(w), shape[0], 3, 3), (2,), stride=2)
        fixed = _fixed_block()
        units = [[_block(unit, place) for place in range(MAX_DEPTH)] for unit in range(NUM_UNITS)]
        strides = (2, *(stride for stride in UNIT_STRIDES if stride > 1))
        widen = _scaled_conv_norm(
            "widen.0", lambda w: (_wide(w), _unit_channels(NUM_UNITS - 1, w), 1, 1), strides
        )
        mix = Slot("mix.0", "linear", _scaled(lambda w: (_features(w), _wide(w))), (WIDTH,))
        classifier = Slot(
            "classifier",
            "linear",
            _scaled(lambda w: (num_classes, _features(w))),
            (WIDTH,),
            has_bias=True,
        )
        blocks = [fixed, *(block for unit in units for block in unit)]
        slots = [*stem, *(s for b in blocks for s in b.slots), *widen, mix, classifier]
        super().__init__("mobile", mobile, slots, source(slots, generator), shape, num_classes)
        self.network_params = {"resolution": resolution}
        self._stem, self._fixed, self._units = stem, fixed, units
        self._widen, self._mix, self._classifier = widen, mix, classifier
        self._resolution = resolution

    def forward(
        self, x_BCHW: Tensor, mix: Mix, norms: Norms = BATCH_NORMS, noise: Noise | None = None
    ) -> Tensor:
        """Logits, B x K."""
        total: Tensor | None = None
        for choice, weight in mix.terms[RESOLUTION]:
            logits_BK = self._logits(self._resized(x_BCHW, choice), mix, norms, noise)
            total = added(total, weighted(logits_BK, weight))
        assert total is not None
        return total

    def image_size(self, arch: Arch) -> tuple[int, int]:
        """A square of the arch's resolution."""
        size = self._side(arch[RESOLUTION])
        return size, size

    def links(self, arch: Arch) -> list[Link]:
        """Stem and resizing, blocks within the depths, and what comes after them."""
        mix = onehot(arch)

        def link(block: Block) -> Link:
            run = partial(self._block, block=block, mix=mix, noise=None)
            return Link(lambda x, norms: run(x, norms=norms), block.slots)

        def stem(x_BCHW: Tensor, norms: Norms) -> Tensor:
            x_BCHW = self._resized(x_BCHW, arch[RESOLUTION])
            return F.hardswish(self.conv_norm(x_BCHW, self._stem, mix, norms))

        depths = [DEPTHS[arch[_depth(unit)]] for unit in range(NUM_UNITS)]
        blocks = [b for n, unit in enumerate(self._units) for b in unit[: depths[n]]]
        return [
            Link(stem, self._stem, arch[RESOLUTION]),
            *map(link, (self._fixed, *blocks)),
            Link(
                lambda x, norms: self._head(x, mix, norms, None),
                [*self._widen, self._mix, self._classifier],
            ),
        ]

    def plain_slots(self, arch: Arch) -> Iterator[tuple[str, Slot]]:
        """Layers of the blocks within the depths, which are numbered through."""
        depths = [DEPTHS[arch[_depth(unit)]] for unit in range(NUM_UNITS)]
        blocks = [
            self._fixed,
            *(b for unit, depth in zip(self._units, depths, strict=True) for b in unit[:depth]),
        ]
        for slot in (*self._stem, *self._widen, self._mix, self._classifier):
            yield slot.name, slot
        for number, block in enumerate(blocks):
            for name, slot in zip(block.plain_names, block.slots, strict=True):
                yield f"blocks.{number}.{name}", slot

    def inner_channels(self) -> list[list[tuple[Slot, int]]]:
        """Those between the first and the last convolution of a block."""
        found = []
        for block in (block for unit in self._units for block in unit):
            layers = [(slot, 0) for slot in (*(block.widen or ()), *block.look)]
            if block.gate:
                layers += [(block.gate[0], 1), (block.gate[1], 0)]
            found.append([*layers, (block.narrow[0], 1)])
        return found

    def _side(self, choice: int) -> int:
        return side((choice,), self._resolution)

    def _resized(self, x_BCHW: Tensor, choice: int) -> Tensor:
        size = self._side(choice)
        if x_BCHW.shape[2:] == (size, size):
            return x_BCHW
        return F.interpolate(x_BCHW, (size, size), mode="bilinear", align_corners=False)

    def _logits(self, x_BCHW: Tensor, mix: Mix, norms: Norms, noise: Noise | None) -> Tensor:
        x_BCHW = F.hardswish(self.conv_norm(x_BCHW, self._stem, mix, norms))
        x_BCHW = self._block(x_BCHW, self._fixed, mix, norms, None)
        for number, unit in enumerate(self._units):
            weights: dict[int, Weight] = {DEPTHS[k]: w for k, w in mix.terms[_depth(number)]}
            total: Tensor | None = None
            for depth, block in enumerate(unit[: max(weights)], 1):
                x_BCHW = self._block(x_BCHW, block, mix, norms, noise)
                if depth in weights:
                    total = added(total, weighted(x_BCHW, weights[depth]))
            assert total is not None
            x_BCHW = total
        return self._head(x_BCHW, mix, norms, noise)

    def _head(self, x_BCHW: Tensor, mix: Mix, norms: Norms, noise: Noise | None) -> Tensor:
        x_BCHW = F.hardswish(self.conv_norm(x_BCHW, self._widen, mix, norms))
        x_BF = F.hardswish(self.linear(x_BCHW.mean(dim=(2, 3)), self._mix, mix))
        return self.linear(noise.features(x_BF) if noise else x_BF, self._classifier, mix)

    def _block(
        self, x_BCHW: Tensor, block: Block, mix: Mix, norms: Norms, noise: Noise | None
    ) -> Tensor:
        activate = F.relu_ if block.has_relu else F.hardswish
        y_BCHW = x_BCHW
        if block.widen:
            y_BCHW = activate(self.conv_norm(y_BCHW, block.widen, mix, norms))
        y_BCHW = activate(self.conv_norm(y_BCHW, block.look, mix, norms))
        if block.gate:
            y_BCHW = y_BCHW * self._gate(y_BCHW, block.gate, mix)
        y_BCHW = self.conv_norm(y_BCHW, block.narrow, mix, norms)
        if not block.has_shortcut:
            return y_BCHW
        if noise:
            unit = block.place // MAX_DEPTH
            y_BCHW = noise.branch(
                y_BCHW, block.place, NUM_BLOCKS, stages_behind=NUM_UNITS - 1 - unit
            )
        return x_BCHW + y_BCHW

    def _gate(self, x_BCHW: Tensor, gate: tuple[Slot, Slot], mix: Mix) -> Tensor:
        mean_BC11 = x_BCHW.mean(dim=(2, 3), keepdim=True)
        inner_BC11 = F.relu_(self.conv(mean_BC11, gate[0], mix))
        return (self.conv(inner_BC11, gate[1], mix) + 3).clamp(0, 6) / 6


@mixtures.register
def build(
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    source: SourceMaker,
    generator: torch.Generator,
    resolution: Annotated[
        int, Field(ge=8, le=512, description="Side of the images at full resolution.")
    ] = DEFAULT_RESOLUTION,
) -> MobileSupernet:
    """Five units of two to four inverted bottlenecks of any kernel and expansion."""
    return MobileSupernet(shape, num_classes, source, generator, resolution=resolution)


def _depth(unit: int) -> int:
    return FIRST_UNIT + PER_UNIT * unit


def _stem(width: float) -> int:
    return rounded(STEM_CHANNELS * width)


def _wide(width: float) -> int:
    return rounded(WIDE_CHANNELS * width)


def _features(width: float) -> int:
    return rounded(FEATURES * width)


def _unit_channels(unit: int, width: float) -> int:
    return rounded(UNIT_CHANNELS[unit] * width) if unit >= 0 else _stem(width)


def _scaled(shape: Callable[[float], Shape]) -> dict[Arch, Shape]:
    return {(k,): shape(width) for k, width in enumerate(WIDTHS)}


def _scaled_conv_norm(
    name: str,
    shape: Callable[[float], Shape],
    strides: tuple[int, ...],
    *,
    stride: int = 1,
    is_depthwise: bool = False,
    ends_branch: bool = False,
) -> ConvNorm:
    """A convolution and a norm that the width alone sizes."""
    return elastic_conv_norm(
        name,
        (WIDTH,),
        (WIDTHS,),
        shape,
        strides=strides,
        stride=stride,
        is_depthwise=is_depthwise,
        ends_branch=ends_branch,
    )


def _fixed_block() -> Block:
    look = _scaled_conv_norm("fixed.look", lambda w: (_stem(w), 1, 3, 3), (2,), is_depthwise=True)
    narrow = _scaled_conv_norm(
        "fixed.narrow", lambda w: (_stem(w), _stem(w), 1, 1), (2,), ends_branch=True
    )
    return Block(None, look, None, narrow, has_relu=True, has_shortcut=True, place=0)


def _block(unit: int, place: int) -> Block:
    """A block; the first of a unit changes the number of channels, and mostly the size."""
    kernel = _depth(unit) + 1 + 2 * place
    source, stride = (unit, 1) if place else (unit - 1, UNIT_STRIDES[unit])
    before = (2, *(s for s in UNIT_STRIDES[: unit + (place > 0)] if s > 1))
    through = (*before, stride)
    name = f"unit {unit + 1} block {place + 1}"

    def inner(width: float, expansion: int) -> int:
        return rounded(_unit_channels(source, width) * expansion)

    sized, choices = (WIDTH, kernel + 1), (WIDTHS, EXPANSIONS)
    widen = elastic_conv_norm(
        f"{name} widen",
        sized,
        choices,
        lambda w, e: (inner(w, e), _unit_channels(source, w), 1, 1),
        strides=before,
    )
    look = elastic_conv_norm(
        f"{name} look",
        (*sized, kernel),
        (*choices, KERNELS),
        lambda w, e, k: (inner(w, e), 1, k, k),
        strides=through,
        stride=stride,
        is_depthwise=True,
    )
    narrow = elastic_conv_norm(
        f"{name} narrow",
        sized,
        choices,
        lambda w, e: (_unit_channels(unit, w), inner(w, e), 1, 1),
        strides=through,
        ends_branch=place > 0,
    )
    gate = _gate(name, sized, inner) if unit in UNITS_WITH_GATES else None
    has_relu, number = unit in UNITS_WITH_RELU, unit * MAX_DEPTH + place
    return Block(widen, look, gate, narrow, has_relu, place > 0, number)


def _gate(
    name: str, decisions: tuple[int, ...], inner: Callable[[float, int], int]
) -> tuple[Slot, Slot]:
    def squeeze(w: float, e: int) -> Shape:
        return (rounded(inner(w, e) // 4), inner(w, e), 1, 1)

    def excite(w: float, e: int) -> Shape:
        return (inner(w, e), rounded(inner(w, e) // 4), 1, 1)

    choices = (WIDTHS, EXPANSIONS)
    return (
        Slot(
            f"{name} squeeze",
            "conv",
            shapes_of(choices, squeeze),
            decisions,
            has_bias=True,
            is_pooled=True,
        ),
        Slot(
            f"{name} excite",
            "conv",
            shapes_of(choices, excite),
            decisions,
            has_bias=True,
            is_pooled=True,
        ),
    )
