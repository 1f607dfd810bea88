"""The supernet of the tiny elastic space.

Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from search.networks._elastic_tiny import STRIDES
from search.spaces import Arch
from search.spaces.elastic_tiny import DEPTHS, EXPANSIONS, KERNELS, WIDTHS, elastic_tiny
from search.supernets.links import Link
from search.supernets.mix import Mix, onehot
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
from search.supernets.slots import Slot
from search.supernets.sources import SourceMaker
from search.supernets.supernet import BATCH_NORMS, Supernet

WIDTH, DEPTH, KERNEL, EXPANSION = range(4)  # places of a stage's decisions
PER_STAGE = 4
MAX_DEPTH = max(DEPTHS)
NUM_BLOCKS = MAX_DEPTH * len(STRIDES)


@dataclass(frozen=True)
class Block:
    """An inverted bottleneck."""

    widen: ConvNorm
    look: ConvNorm
    narrow: ConvNorm
    has_shortcut: bool
    place: int  # among all blocks of the largest network


class ElasticTinySupernet(Supernet):
    """Two stages of up to three blocks."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        num_classes: int,
        source: SourceMaker,
        generator: torch.Generator,
    ) -> None:
        stem_shapes = shapes_of([WIDTHS], lambda w: (w, shape[0], 3, 3))
        stem = (
            Slot("stem.0", "conv", stem_shapes, (WIDTH,)),
            Slot("stem.1", "norm", shapes_of([WIDTHS], lambda w: (w,)), (WIDTH,)),
        )
        stages = [_stage(number) for number in range(len(STRIDES))]
        classifier = Slot(
            "classifier",
            "linear",
            shapes_of([WIDTHS], lambda w: (num_classes, w)),
            (PER_STAGE + WIDTH,),
            has_bias=True,
        )
        slots = [*stem, *(s for blocks in stages for b in blocks for s in _slots(b)), classifier]
        super().__init__(
            "elastic_tiny", elastic_tiny, slots, source(slots, generator), shape, num_classes
        )
        self._stem, self._stages, self._classifier = stem, stages, classifier

    def forward(
        self, x_BCHW: Tensor, mix: Mix, norms: Norms = BATCH_NORMS, noise: Noise | None = None
    ) -> Tensor:
        """Logits, B x K."""
        x_BCHW = F.relu_(self.conv_norm(x_BCHW, self._stem, mix, norms))
        for number, blocks in enumerate(self._stages):
            weights = {DEPTHS[k]: w for k, w in mix.terms[PER_STAGE * number + DEPTH]}
            total: Tensor | None = None
            for depth, block in enumerate(blocks[: max(weights)], 1):
                x_BCHW = self._block(x_BCHW, block, mix, norms, noise)
                if depth in weights:
                    total = added(total, weighted(x_BCHW, weights[depth]))
            assert total is not None
            x_BCHW = total
        x_BF = x_BCHW.mean(dim=(2, 3))
        return self.linear(noise.features(x_BF) if noise else x_BF, self._classifier, mix)

    def links(self, arch: Arch) -> list[Link]:
        """Stem, blocks within the depths, and classifier."""
        mix = onehot(arch)

        def link(block: Block) -> Link:
            run = partial(self._block, block=block, mix=mix, noise=None)
            return Link(lambda x, norms: run(x, norms=norms), _slots(block))

        def stem(x_BCHW: Tensor, norms: Norms) -> Tensor:
            return F.relu_(self.conv_norm(x_BCHW, self._stem, mix, norms))

        def head(x_BCHW: Tensor, _norms: Norms) -> Tensor:
            return self.linear(x_BCHW.mean(dim=(2, 3)), self._classifier, mix)

        depths = [DEPTHS[arch[PER_STAGE * n + DEPTH]] for n in range(len(self._stages))]
        blocks = [b for n, stage in enumerate(self._stages) for b in stage[: depths[n]]]
        return [Link(stem, self._stem), *map(link, blocks), Link(head, [self._classifier])]

    def plain_slots(self, arch: Arch) -> Iterator[tuple[str, Slot]]:
        """Layers of the blocks within the depths."""
        for slot in self._stem:
            yield slot.name, slot
        for number, blocks in enumerate(self._stages):
            for block in blocks[: DEPTHS[arch[PER_STAGE * number + DEPTH]]]:
                for slot in _slots(block):
                    yield slot.name, slot
        yield "classifier", self._classifier

    def inner_channels(self) -> list[list[tuple[Slot, int]]]:
        """Those between the first and the last convolution of a block."""
        blocks = [block for stage in self._stages for block in stage]
        return [[*((s, 0) for s in (*b.widen, *b.look)), (b.narrow[0], 1)] for b in blocks]

    def _block(
        self, x_BCHW: Tensor, block: Block, mix: Mix, norms: Norms, noise: Noise | None
    ) -> Tensor:
        y_BCHW = F.relu_(self.conv_norm(x_BCHW, block.widen, mix, norms))
        y_BCHW = F.relu_(self.conv_norm(y_BCHW, block.look, mix, norms))
        y_BCHW = self.conv_norm(y_BCHW, block.narrow, mix, norms)
        if not block.has_shortcut:
            return y_BCHW
        if noise:
            stages_behind = len(STRIDES) - 1 - block.place // MAX_DEPTH
            y_BCHW = noise.branch(y_BCHW, block.place, NUM_BLOCKS, stages_behind=stages_behind)
        return x_BCHW + y_BCHW


@mixtures.register
def build(
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    source: SourceMaker,
    generator: torch.Generator,
) -> ElasticTinySupernet:
    """Two stages of up to three residual blocks."""
    return ElasticTinySupernet(shape, num_classes, source, generator)


def _stage(number: int) -> list[Block]:
    return [_block(number, place) for place in range(MAX_DEPTH)]


def _block(number: int, place: int) -> Block:
    """A block; the first of the second stage reads the width of the first stage."""
    first = PER_STAGE * number
    width, kernel, expansion = first + WIDTH, first + KERNEL, first + EXPANSION
    stride = 1 if place else STRIDES[number]
    before = STRIDES[: number + (place > 0)]
    through = (*before, stride)
    name = f"stages.{number}.{place}"
    if number and not place:
        widen = elastic_conv_norm(
            f"{name}.widen",
            (width, expansion, width - PER_STAGE),
            (WIDTHS, EXPANSIONS, WIDTHS),
            lambda w, e, i: (w * e, i, 1, 1),
            strides=before,
        )
    else:
        widen = elastic_conv_norm(
            f"{name}.widen",
            (width, expansion),
            (WIDTHS, EXPANSIONS),
            lambda w, e: (w * e, w, 1, 1),
            strides=before,
        )
    look = elastic_conv_norm(
        f"{name}.look",
        (width, expansion, kernel),
        (WIDTHS, EXPANSIONS, KERNELS),
        lambda w, e, k: (w * e, 1, k, k),
        strides=through,
        stride=stride,
        is_depthwise=True,
    )
    narrow = elastic_conv_norm(
        f"{name}.narrow",
        (width, expansion),
        (WIDTHS, EXPANSIONS),
        lambda w, e: (w, w * e, 1, 1),
        strides=through,
        ends_branch=stride == 1,
    )
    return Block(widen, look, narrow, stride == 1, number * MAX_DEPTH + place)


def _slots(block: Block) -> list[Slot]:
    return [*block.widen, *block.look, *block.narrow]
