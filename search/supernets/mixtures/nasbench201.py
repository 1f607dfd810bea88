"""The supernet of NAS-Bench-201: both convolutions of every edge of every cell.

All cells have the same operations, as in the space. Shapes: B images, C channels, H height,
W width, K classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from search.networks._nasbench201 import Pool
from search.networks._nasbench201_normed import NormedNetwork
from search.networks._weights import with_drawn_weights
from search.spaces import Arch
from search.spaces.nasbench201 import EDGES, OPERATIONS, nasbench201
from search.supernets.links import Link
from search.supernets.mix import Mix, Weight, onehot
from search.supernets.mixtures import mixtures
from search.supernets.mixtures._layers import ConvNorm, added, fixed_conv_norm, weighted
from search.supernets.noise import Noise
from search.supernets.norms import Norms
from search.supernets.slots import Shape, Slot
from search.supernets.sources import SourceMaker
from search.supernets.supernet import BATCH_NORMS, Supernet

NONE, SKIP, POOL = (OPERATIONS.index(o) for o in ("none", "skip_connect", "avg_pool_3x3"))
KERNELS = {OPERATIONS.index("nor_conv_1x1"): 1, OPERATIONS.index("nor_conv_3x3"): 3}
NUM_STAGES = 3

Run = tuple[int, int, int, tuple[tuple[int, Weight, Mix], ...]]  # source, target, edge, operations


@dataclass(frozen=True)
class Cell:
    """Convolution and norm of each edge; perhaps norms of nodes, by node and predecessors."""

    edges: tuple[ConvNorm, ...]
    nodes: Mapping[tuple[int, tuple[int, ...]], Slot]
    place: int  # among all cells


@dataclass(frozen=True)
class Reduction:
    """A residual block between two stages."""

    conv_a: ConvNorm
    conv_b: ConvNorm
    shortcut: Slot


class NasBench201Supernet(Supernet):
    """Cells whose edges weigh five operations; edges that lead nowhere are not run.

    With *node_norms* every node has a norm for each set of predecessors that it may have, of which
    the one at hand is run: the path-dependent norm of How to Train Your Super-Net (Yu et al.,
    2020, arXiv:2003.04276), as in a later code base by the same author. A subnet by itself has
    one norm at each of its nodes, which the published networks have not.
    """

    def __init__(  # noqa: PLR0913  # a supernet's four and three of its own
        self,
        shape: tuple[int, int, int],
        num_classes: int,
        source: SourceMaker,
        generator: torch.Generator,
        *,
        channels: int,
        cells: int,
        node_norms: bool = False,
    ) -> None:
        widths = [channels * 2**stage for stage in range(NUM_STAGES)]
        stem = fixed_conv_norm(("stem.0", "stem.1"), shape[0], channels, 3)
        layers = _layers(widths, cells, node_norms=node_norms)
        norm = Slot("norm", "norm", {(): (widths[-1],)})
        classifier = Slot("classifier", "linear", {(): (num_classes, widths[-1])}, has_bias=True)
        slots = [*stem, *(slot for layer in layers for slot in _slots(layer)), norm, classifier]
        super().__init__(
            "nasbench201", nasbench201, slots, source(slots, generator), shape, num_classes
        )
        self.network_params = {"channels": channels, "cells": cells}
        self._stem, self._layers, self._norm, self._classifier = stem, layers, norm, classifier
        self._at_nodes = {slot.name for _, cell in self._cells() for slot in cell.nodes.values()}
        self._num_cells = NUM_STAGES * cells
        self._pool = Pool()
        self._half = torch.nn.AvgPool2d(2)

    def forward(
        self, x_BCHW: Tensor, mix: Mix, norms: Norms = BATCH_NORMS, noise: Noise | None = None
    ) -> Tensor:
        """Logits, B x K; *noise* drops features, and what operations but skips give."""
        runs = _runs(mix)
        x_BCHW = self.conv_norm(x_BCHW, self._stem, mix, norms)
        for layer in self._layers:
            if isinstance(layer, Cell):
                x_BCHW = self._cell(x_BCHW, layer, runs, norms, noise)
            else:
                x_BCHW = self._reduction(x_BCHW, layer, mix, norms)
        return self._head(x_BCHW, mix, norms, noise)

    def _head(self, x_BCHW: Tensor, mix: Mix, norms: Norms, noise: Noise | None) -> Tensor:
        x_BC = F.relu_(self.norm(x_BCHW, self._norm, mix, norms)).mean(dim=(2, 3))
        return self.linear(noise.features(x_BC) if noise else x_BC, self._classifier, mix)

    def links(self, arch: Arch) -> list[Link]:
        """Stem, cells and blocks between stages, and classifier."""
        mix = onehot(arch)
        runs = _runs(mix)
        kind = tuple((edge, operations[0][0]) for _, _, edge, operations in runs)

        def link(layer: Cell | Reduction) -> Link:
            if isinstance(layer, Reduction):
                reduce = partial(self._reduction, layer=layer, mix=mix)
                return Link(lambda x, norms: reduce(x, norms=norms), _slots(layer))
            run = partial(self._cell, cell=layer, runs=runs)
            edges = [layer.edges[edge] for edge, operation in kind if operation in KERNELS]
            slots = [*(slot for pair in edges for slot in pair), *layer.nodes.values()]
            return Link(lambda x, norms: run(x, norms=norms), slots, kind)

        return [
            Link(lambda x, norms: self.conv_norm(x, self._stem, mix, norms), self._stem),
            *map(link, self._layers),
            Link(lambda x, norms: self._head(x, mix, norms, None), [self._norm, self._classifier]),
        ]

    def plain_slots(self, arch: Arch) -> Iterator[tuple[str, Slot]]:
        """Of every edge that has a convolution, run or not; norms of the nodes that are run."""
        for slot in self.slots.values():
            is_there = not slot.decisions or arch[slot.decisions[0]] in KERNELS
            if is_there and slot.name not in self._at_nodes:
                yield slot.name, slot
        if self._at_nodes:
            yield from self._norms_run(arch)

    def plain(self, arch: Arch) -> nn.Module:
        """The published network, or one with a norm at each node that is run."""
        if not self._at_nodes:
            return super().plain(arch)
        operations = [OPERATIONS[choice] for choice in arch]
        with torch.device("meta"):
            net = NormedNetwork(operations, self.shape[0], self.num_classes, **self.network_params)
        generator, device = torch.Generator().manual_seed(0), next(self.parameters()).device
        return with_drawn_weights(net, generator=generator, device=device)

    def _norms_run(self, arch: Arch) -> Iterator[tuple[str, Slot]]:
        runs = _runs(onehot(arch))
        for place, cell in self._cells():
            for node in sorted({node for _, node, _, _ in runs}):
                yield f"layers.{place}.norms.{node}", cell.nodes[node, _predecessors(node, runs)]

    def _cells(self) -> list[tuple[int, Cell]]:
        """With their places among the layers."""
        return [(n, layer) for n, layer in enumerate(self._layers) if isinstance(layer, Cell)]

    def _cell(
        self,
        x_BCHW: Tensor,
        cell: Cell,
        runs: Sequence[Run],
        norms: Norms,
        noise: Noise | None = None,
    ) -> Tensor:
        nodes: list[Tensor | None] = [x_BCHW, None, None, None]
        relus: dict[int, Tensor] = {}
        pools: dict[int, Tensor] = {}
        for place, (i, j, edge, operations) in enumerate(runs):
            source = nodes[i]
            assert source is not None
            for choice, weight, mix in operations:
                if choice == SKIP:
                    term = source
                elif choice == POOL:
                    if i not in pools:
                        pools[i] = self._pool(source)
                    term = pools[i]
                else:
                    if i not in relus:
                        relus[i] = F.relu(source)
                    term = self.conv_norm(relus[i], cell.edges[edge], mix, norms)
                term = self._dropped(term, choice, cell, noise)
                nodes[j] = added(nodes[j], weighted(term, weight))
            is_whole = place + 1 == len(runs) or runs[place + 1][1] != j
            if cell.nodes and is_whole:
                nodes[j] = self._node(nodes[j], j, cell, runs, norms)
        output = nodes[3]
        return torch.zeros_like(x_BCHW) if output is None else output

    def _dropped(self, term: Tensor, choice: int, cell: Cell, noise: Noise | None) -> Tensor:
        """What an operation gives, left out for some images; what is passed on as it is stays."""
        return (
            term
            if noise is None or choice == SKIP
            else noise.branch(term, cell.place, self._num_cells)
        )

    def _node(
        self, x_BCHW: Tensor | None, node: int, cell: Cell, runs: Sequence[Run], norms: Norms
    ) -> Tensor:
        """Normalise a node by the norm of its predecessors."""
        assert x_BCHW is not None
        slot = cell.nodes[node, _predecessors(node, runs)]
        return self.norm(x_BCHW, slot, runs[0][3][0][2], norms)

    def _reduction(self, x_BCHW: Tensor, layer: Reduction, mix: Mix, norms: Norms) -> Tensor:
        half_BCHW = self.conv_norm(F.relu(x_BCHW), layer.conv_a, mix, norms)
        y_BCHW = self.conv_norm(F.relu_(half_BCHW), layer.conv_b, mix, norms)
        return y_BCHW + self.conv(self._half(x_BCHW), layer.shortcut, mix)


@mixtures.register
def build(  # noqa: PLR0913  # the protocol's four and three of its own
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    source: SourceMaker,
    generator: torch.Generator,
    channels: Annotated[int, Field(ge=1, le=256)] = 16,
    cells: Annotated[int, Field(ge=1, le=20)] = 5,
    node_norms: Annotated[
        bool, Field(description="A norm for every set of predecessors of a node.")
    ] = False,
) -> NasBench201Supernet:
    """Three stages of equal cells; every edge can be each of five operations."""
    return NasBench201Supernet(
        shape,
        num_classes,
        source,
        generator,
        channels=channels,
        cells=cells,
        node_norms=node_norms,
    )


def _layers(widths: Sequence[int], cells: int, *, node_norms: bool) -> list[Cell | Reduction]:
    layers: list[Cell | Reduction] = []
    for stage, width in enumerate(widths):
        strides = (2,) * stage
        if stage:
            layers.append(_reduction(f"layers.{len(layers)}", width, strides))
        for place in range(stage * cells, (stage + 1) * cells):
            name = f"layers.{len(layers)}"
            nodes = _norms_of_nodes(name, width) if node_norms else {}
            layers.append(Cell(_edges(name, width, strides), nodes, place))
    return layers


def _edges(name: str, width: int, strides: tuple[int, ...]) -> tuple[ConvNorm, ...]:
    edges = []
    for place, (i, j) in enumerate(EDGES):
        shapes: dict[Arch, Shape] = {
            (k,): (width, width, size, size) for k, size in KERNELS.items()
        }
        at = f"{name}.convolutions.{i}-{j}"
        conv = Slot(f"{at}.0", "conv", shapes, (place,), strides=strides)
        norm = Slot(f"{at}.1", "norm", {(choice,): (width,) for choice in KERNELS}, (place,))
        edges.append((conv, norm))
    return tuple(edges)


def _norms_of_nodes(name: str, width: int) -> dict[tuple[int, tuple[int, ...]], Slot]:
    """One for each non-empty set of predecessors of each node."""
    return {
        (node, chosen): Slot(
            f"{name}.nodes.{node}.{'-'.join(map(str, chosen))}", "norm", {(): (width,)}
        )
        for node in (1, 2, 3)
        for count in range(1, node + 1)
        for chosen in combinations(range(node), count)
    }


def _reduction(name: str, width: int, strides: tuple[int, ...]) -> Reduction:
    a, b = ((f"{name}.conv_{part}.0", f"{name}.conv_{part}.1") for part in "ab")
    shape = (width, width // 2, 1, 1)
    return Reduction(
        fixed_conv_norm(a, width // 2, width, 3, strides=strides, stride=2),
        fixed_conv_norm(b, width, width, 3, strides=strides),
        Slot(f"{name}.shortcut", "conv", {(): shape}, strides=strides),
    )


def _slots(layer: Cell | Reduction) -> list[Slot]:
    if isinstance(layer, Cell):
        return [*(slot for edge in layer.edges for slot in edge), *layer.nodes.values()]
    return [*layer.conv_a, *layer.conv_b, layer.shortcut]


def _runs(mix: Mix) -> list[Run]:
    """What there is to run: edges on a path from node 0 to node 3, sources before targets."""
    edges = [
        (i, j, place, terms)
        for place, (i, j) in enumerate(EDGES)
        if (terms := [term for term in mix.terms[place] if term[0] != NONE])
    ]
    reached, leading = {0}, {3}
    for i, j, _, _ in edges:
        if i in reached:
            reached.add(j)
    for i, j, _, _ in reversed(edges):
        if j in leading:
            leading.add(i)
    return [
        (i, j, place, tuple((k, weight, mix.at(place, k)) for k, weight in terms))
        for i, j, place, terms in edges
        if i in reached and j in leading
    ]


def _predecessors(node: int, runs: Sequence[Run]) -> tuple[int, ...]:
    """The nodes that an edge which is run leads from to this one."""
    return tuple(i for i, j, _, _ in runs if j == node)
