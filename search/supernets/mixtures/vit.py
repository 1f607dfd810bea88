"""The supernet of the elastic vision transformer (AutoFormer, arXiv:2107.00651).

Chen et al. (2021). Weights of all sizes are parts of those of the largest; queries, keys and
values are three layers, so that heads are slices, where AutoFormer's code interleaves them in one.
Shapes: B images, C channels, H height, W width, T tokens, D numbers of a token, K classes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from search.networks._vit import attended, num_patches, patches
from search.networks.vit import HeadWidth, Patch
from search.spaces import Arch
from search.spaces.vit import (
    DEFAULT_HEAD_WIDTH,
    DEFAULT_PATCH,
    DEPTH,
    DEPTHS,
    HEADS,
    MAX_DEPTH,
    RATIOS,
    WIDTH,
    WIDTHS,
    blocks_of,
    heads_place,
    vit,
)
from search.supernets.links import Link
from search.supernets.mix import Mix, Weight, onehot
from search.supernets.mixtures import mixtures
from search.supernets.mixtures._layers import added, shapes_of, weighted
from search.supernets.mixtures._tokens import layer_normed
from search.supernets.noise import Noise
from search.supernets.norms import Norms
from search.supernets.slots import Shape, Slot
from search.supernets.sources import SourceMaker
from search.supernets.supernet import BATCH_NORMS, Supernet

NUM_BRANCHES = 2 * MAX_DEPTH


@dataclass(frozen=True)
class Block:
    """The layers of attention and MLP, named as in the plain network."""

    norm_a: Slot
    query: Slot
    key: Slot
    value: Slot
    merge: Slot
    norm_b: Slot
    widen: Slot
    narrow: Slot

    @property
    def slots(self) -> dict[str, Slot]:
        """All layers, by their name in the plain network's block."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class VitSupernet(Supernet):
    """Two to six blocks of attention and MLP.

    A mix of widths normalises tokens by the channels that it has, each counted with the weights
    of the widths that include it; for a single width this is layer norm.
    """

    def __init__(  # what a supernet is made from
        self,
        shape: tuple[int, int, int],
        num_classes: int,
        source: SourceMaker,
        generator: torch.Generator,
        *,
        patch: int,
        head_width: int,
    ) -> None:
        self._patch, self._head_width = patch, head_width
        self._tokens = tokens = num_patches(shape[1], shape[2], patch)
        self._widths = tuple(width * head_width for width in WIDTHS)
        pixels = shape[0] * patch * patch
        embed = self._sized("stem.embed", lambda d: (d, pixels), rows=tokens)
        positions = Slot(
            "stem.positions", "table", shapes_of([self._widths], lambda d: (tokens, d)), (WIDTH,)
        )
        blocks = [self._block_slots(place) for place in range(MAX_DEPTH)]
        norm = self._layer_norm("norm")
        classifier = self._sized("classifier", lambda d: (num_classes, d))
        in_blocks = [slot for block in blocks for slot in block.slots.values()]
        slots = [embed, positions, *in_blocks, norm, classifier]
        super().__init__("vit", vit, slots, source(slots, generator), shape, num_classes)
        self.network_params = {"patch": patch, "head_width": head_width}
        self._embed, self._positions, self._blocks = embed, positions, blocks
        self._norm, self._classifier = norm, classifier

    def forward(
        self, x_BCHW: Tensor, mix: Mix, norms: Norms = BATCH_NORMS, noise: Noise | None = None
    ) -> Tensor:
        """Logits, B x K; there is no norm of batches, so that *norms* is not asked."""
        x_BTD = self._stem(x_BCHW, norms, mix)
        weights: dict[int, Weight] = {DEPTHS[k]: w for k, w in mix.terms[DEPTH]}
        total: Tensor | None = None
        for depth, place in enumerate(range(max(weights)), 1):
            x_BTD = self._block(x_BTD, norms, place, mix, noise)
            if depth in weights:
                total = added(total, weighted(x_BTD, weights[depth]))
        assert total is not None
        return self._head(total, norms, mix, noise)

    def links(self, arch: Arch) -> list[Link]:
        """Stem, blocks within the depth, and classifier."""
        mix = onehot(arch)
        blocks = (
            Link(partial(self._block, place=place, mix=mix), list(block.slots.values()))
            for place, block in enumerate(self._blocks[: DEPTHS[arch[DEPTH]]])
        )
        return [
            Link(partial(self._stem, mix=mix), [self._embed, self._positions]),
            *blocks,
            Link(partial(self._head, mix=mix), [self._norm, self._classifier]),
        ]

    def plain_slots(self, arch: Arch) -> Iterator[tuple[str, Slot]]:
        """Layers of the blocks within the depth."""
        for slot in (self._embed, self._positions, self._norm, self._classifier):
            yield slot.name, slot
        for block in self._blocks[: DEPTHS[arch[DEPTH]]]:
            for slot in block.slots.values():
                yield slot.name, slot

    def inner_channels(self) -> list[list[tuple[Slot, int]]]:
        """Those between the two layers of an MLP; heads keep their order."""
        return [[(block.widen, 0), (block.narrow, 1)] for block in self._blocks]

    def macs(self, arch: Arch) -> int:
        """Multiply-adds of the network of *arch* for one image, those of attention included."""
        heads = sum(heads for heads, _ in blocks_of(arch))
        return super().macs(arch) + 2 * self._tokens**2 * heads * self._head_width

    def memory_format(self, device: torch.device) -> torch.memory_format:
        """Contiguous: nothing is convolved."""
        return torch.contiguous_format

    def _stem(self, x_BCHW: Tensor, _norms: Norms, mix: Mix) -> Tensor:
        x_BTD = self.linear(patches(x_BCHW, self._patch), self._embed, mix)
        positions_TD, _ = self.source.tensors(self._positions, mix)
        return x_BTD + positions_TD

    def _block(
        self, x_BTD: Tensor, _norms: Norms, place: int, mix: Mix, noise: Noise | None = None
    ) -> Tensor:
        block, first = self._blocks[place], 2 * place
        y_BTD = self._normed(x_BTD, block.norm_a, mix)
        q_BTD = self.linear(y_BTD, block.query, mix)
        k_BTD, v_BTD = (self.linear(y_BTD, slot, mix) for slot in (block.key, block.value))
        y_BTD = self.linear(attended(q_BTD, k_BTD, v_BTD, self._head_width), block.merge, mix)
        x_BTD = x_BTD + (noise.branch(y_BTD, first, NUM_BRANCHES) if noise else y_BTD)
        y_BTD = self._normed(x_BTD, block.norm_b, mix)
        y_BTD = self.linear(F.gelu(self.linear(y_BTD, block.widen, mix)), block.narrow, mix)
        return x_BTD + (noise.branch(y_BTD, first + 1, NUM_BRANCHES) if noise else y_BTD)

    def _head(self, x_BTD: Tensor, _norms: Norms, mix: Mix, noise: Noise | None = None) -> Tensor:
        x_BD = self._normed(x_BTD, self._norm, mix).mean(dim=1)
        return self.linear(noise.features(x_BD) if noise else x_BD, self._classifier, mix)

    def _normed(self, x_BTD: Tensor, slot: Slot, mix: Mix) -> Tensor:
        weight_D, bias_D = self.source.tensors(slot, mix)
        assert bias_D is not None
        terms = None if mix.choices[WIDTH] is not None else mix.terms[WIDTH]
        return layer_normed(x_BTD, weight_D, bias_D, self._widths, terms)

    def _sized(self, name: str, shape: Callable[[int], Shape], rows: int = 1) -> Slot:
        """A linear layer that the width alone sizes."""
        return Slot(
            name, "linear", shapes_of([self._widths], shape), (WIDTH,), has_bias=True, rows=rows
        )

    def _layer_norm(self, name: str) -> Slot:
        shapes = shapes_of([self._widths], lambda d: (d,))
        return Slot(name, "norm", shapes, (WIDTH,), keeps_statistics=False)

    def _block_slots(self, place: int) -> Block:
        heads = heads_place(place)
        inner = tuple(count * self._head_width for count in HEADS)

        def linear(
            name: str, decision: int, choices: tuple[int, ...], shape: Callable[..., Shape]
        ) -> Slot:
            is_feed_forward = decision != heads
            return Slot(
                f"blocks.{place}.{name}",
                "linear",
                shapes_of([self._widths, choices], shape),
                (WIDTH, decision),
                has_bias=True,
                rows=self._tokens,
                ends_branch=name in ("merge", "narrow"),
                is_feed_forward=is_feed_forward,
            )

        return Block(
            self._layer_norm(f"blocks.{place}.norm_a"),
            linear("query", heads, inner, lambda d, e: (e, d)),
            linear("key", heads, inner, lambda d, e: (e, d)),
            linear("value", heads, inner, lambda d, e: (e, d)),
            linear("merge", heads, inner, lambda d, e: (d, e)),
            self._layer_norm(f"blocks.{place}.norm_b"),
            linear("widen", heads + 1, RATIOS, lambda d, r: (r * d, d)),
            linear("narrow", heads + 1, RATIOS, lambda d, r: (d, r * d)),
        )


@mixtures.register
def build(  # what a supernet is made from
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    source: SourceMaker,
    generator: torch.Generator,
    patch: Patch = DEFAULT_PATCH,
    head_width: HeadWidth = DEFAULT_HEAD_WIDTH,
) -> VitSupernet:
    """Two to six blocks of attention and MLP, of any heads and ratio."""
    return VitSupernet(shape, num_classes, source, generator, patch=patch, head_width=head_width)
