"""The supernet of the spaces of small cells: every operation on each of three edges.

Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from search.networks._cells import STEM_FACTOR
from search.spaces import Arch
from search.spaces._cells import EDGES, CellSpace
from search.supernets.links import Link
from search.supernets.mix import Mix, onehot
from search.supernets.mixtures._layers import added, fixed_conv_norm, weighted
from search.supernets.noise import Noise
from search.supernets.norms import Norms
from search.supernets.slots import Shape, Slot
from search.supernets.sources import SourceMaker
from search.supernets.supernet import BATCH_NORMS, Supernet

SEPARABLE = {  # family, and by operation the kernel, how often, and the dilation
    "dep_conv": {"dep_conv_3x3": (3, 1, 1)},
    "sep_conv": {"sep_conv_3x3": (3, 2, 1), "sep_conv_5x5": (5, 2, 1)},
    "dil_conv": {"dil_conv_5x5": (5, 1, 2)},
}


@dataclass(frozen=True)
class Step:
    """A layer of an operation; *module* is its place in the plain network's sequence."""

    kind: str  # relu, pool, or a slot
    module: int
    slot: Slot | None = None


@dataclass(frozen=True)
class Cell:
    """The layers of a cell, by its place: its entry, and for every edge and choice what is run."""

    entry: tuple[Slot, Slot]
    edges: tuple[dict[int, list[Step]], ...]
    place: int


class CellsSupernet(Supernet):
    """Cells of three edges that weigh their operations.

    Operations of one family (separable convolutions of two sizes) have common slots, so that
    they can be entangled; then they share the statistics of their norms too.
    """

    def __init__(  # noqa: PLR0913  # a supernet's five and two of its own
        self,
        space: CellSpace,
        shape: tuple[int, int, int],
        num_classes: int,
        source: SourceMaker,
        generator: torch.Generator,
        *,
        channels: int,
        cells: int,
    ) -> None:
        wide = STEM_FACTOR * channels
        stem = (
            *fixed_conv_norm(("stem.0", "stem.1"), shape[0], wide, 3),
            *fixed_conv_norm(("stem.3", "stem.4"), wide, wide, 3),
        )
        built = [_cell(space, n, 2 * channels if n else wide, channels) for n in range(cells)]
        classifier = Slot("classifier", "linear", {(): (num_classes, 2 * channels)}, has_bias=True)
        slots = [*stem, *dict.fromkeys(s for cell in built for s in _slots(cell)), classifier]
        super().__init__(space.name, space, slots, source(slots, generator), shape, num_classes)
        self.network_params = {"channels": channels, "cells": cells}
        self._stem, self._cells, self._classifier = stem, built, classifier

    def forward(
        self, x_BCHW: Tensor, mix: Mix, norms: Norms = BATCH_NORMS, noise: Noise | None = None
    ) -> Tensor:
        """Logits, B x K; *noise* drops features, and what operations give."""
        x_BCHW = self._enter(x_BCHW, mix, norms)
        for cell in self._cells:
            x_BCHW = self._entry(x_BCHW, cell, mix, norms)
            x_BCHW = self._edges(x_BCHW, cell, mix, norms, noise)
        x_BF = x_BCHW.mean(dim=(2, 3))
        return self.linear(noise.features(x_BF) if noise else x_BF, self._classifier, mix)

    def links(self, arch: Arch) -> list[Link]:
        """Stem, entry and edges of each cell, and classifier."""
        mix = onehot(arch)
        stem = Link(lambda x, norms: self._enter(x, mix, norms), self._stem)
        head = Link(
            lambda x, _norms: self.linear(x.mean(dim=(2, 3)), self._classifier, mix),
            [self._classifier],
        )
        pairs = (self._links_of(cell, arch, mix) for cell in self._cells)
        return [stem, *(link for pair in pairs for link in pair), head]

    def plain_slots(self, arch: Arch) -> Iterator[tuple[str, Slot]]:
        """Layers of the chosen operations."""
        for slot in self._stem:
            yield slot.name, slot
        for n, cell in enumerate(self._cells):
            for slot in cell.entry:
                yield slot.name, slot
            for (i, j), steps, choice in zip(EDGES, cell.edges, arch, strict=True):
                for step in steps[choice]:
                    if step.slot:
                        yield f"cells.{n}.edges.{i}-{j}.{step.module}", step.slot
        yield "classifier", self._classifier

    def _links_of(self, cell: Cell, arch: Arch, mix: Mix) -> tuple[Link, Link]:
        chosen = [steps[choice] for steps, choice in zip(cell.edges, arch, strict=True)]
        slots = [step.slot for steps in chosen for step in steps if step.slot]
        return (
            Link(lambda x, norms: self._entry(x, cell, mix, norms), cell.entry),
            Link(lambda x, norms: self._edges(x, cell, mix, norms), slots, arch),
        )

    def _enter(self, x_BCHW: Tensor, mix: Mix, norms: Norms) -> Tensor:
        stem = self._stem
        x_BCHW = F.relu_(self.conv_norm(x_BCHW, (stem[0], stem[1]), mix, norms))
        return self.conv_norm(x_BCHW, (stem[2], stem[3]), mix, norms)

    def _entry(self, x_BCHW: Tensor, cell: Cell, mix: Mix, norms: Norms) -> Tensor:
        return self.conv_norm(F.relu(x_BCHW), cell.entry, mix, norms)

    def _edges(
        self,
        entry_BCHW: Tensor,
        cell: Cell,
        mix: Mix,
        norms: Norms,
        noise: Noise | None = None,
    ) -> Tensor:
        run = partial(self._edge, cell=cell, mix=mix, norms=norms, noise=noise)
        first_BCHW = run(0, entry_BCHW)
        second_BCHW = run(1, entry_BCHW)
        second_BCHW = second_BCHW + run(2, first_BCHW)
        return torch.cat([first_BCHW, second_BCHW], 1)

    def _edge(
        self,
        edge: int,
        x_BCHW: Tensor,
        cell: Cell,
        mix: Mix,
        norms: Norms,
        noise: Noise | None,
    ) -> Tensor:
        total: Tensor | None = None
        for choice, weight in mix.terms[edge]:
            term = self._operation(x_BCHW, cell.edges[edge][choice], mix.at(edge, choice), norms)
            if noise:
                term = noise.branch(term, cell.place, len(self._cells))
            total = added(total, weighted(term, weight))
        assert total is not None
        return total

    def _operation(self, x_BCHW: Tensor, steps: list[Step], mix: Mix, norms: Norms) -> Tensor:
        for step in steps:
            if step.kind == "relu":
                x_BCHW = F.relu(x_BCHW)
            elif step.kind == "pool":
                x_BCHW = F.max_pool2d(x_BCHW, 3, 1, 1)
            elif step.slot and step.kind == "conv":
                x_BCHW = self.conv(x_BCHW, step.slot, mix)
            elif step.slot:
                x_BCHW = self.norm(x_BCHW, step.slot, mix, norms)
        return x_BCHW


def _cell(space: CellSpace, place: int, in_channels: int, channels: int) -> Cell:
    name = f"cells.{place}"
    entry = (
        Slot(f"{name}.entry.1", "conv", {(): (channels, in_channels, 1, 1)}),
        Slot(f"{name}.entry.2", "norm", {(): (channels,)}, is_affine=False),
    )
    edges = tuple(
        _edge(space.operations, edge, f"{name}.edges.{i}-{j}", channels)
        for edge, (i, j) in enumerate(EDGES)
    )
    return Cell(entry, edges, place)


def _edge(
    operations: tuple[str, ...], place: int, name: str, channels: int
) -> dict[int, list[Step]]:
    """The steps of every choice; slots of one family are the same objects."""
    steps: dict[int, list[Step]] = {}
    for choice, operation in enumerate(operations):
        if operation == "max_pool_3x3":
            norm = Slot(f"{name}.pool.1", "norm", {(choice,): (channels,)}, (place,), False)
            steps[choice] = [Step("pool", 0), Step("norm", 1, norm)]
        elif operation == "conv_3x3":
            shape: dict[Arch, Shape] = {(choice,): (channels, channels, 3, 3)}
            conv = Slot(f"{name}.conv.1", "conv", shape, (place,))
            norm = Slot(f"{name}.conv.2", "norm", {(choice,): (channels,)}, (place,), False)
            steps[choice] = [Step("relu", 0), Step("conv", 1, conv), Step("norm", 2, norm)]
    for family, members in SEPARABLE.items():
        choices = {operations.index(o): what for o, what in members.items() if o in operations}
        if choices:
            common = _separable(f"{name}.{family}", place, channels, choices)
            steps |= dict.fromkeys(choices, common)
    return steps


def _separable(
    name: str, place: int, channels: int, choices: dict[int, tuple[int, int, int]]
) -> list[Step]:
    _, repeats, dilation = next(iter(choices.values()))
    steps: list[Step] = []
    for n in range(0, 4 * repeats, 4):
        looks: dict[Arch, Shape] = {
            (choice,): (channels, 1, size, size) for choice, (size, _, _) in choices.items()
        }
        points: dict[Arch, Shape] = {(choice,): (channels, channels, 1, 1) for choice in choices}
        norms: dict[Arch, Shape] = {(choice,): (channels,) for choice in choices}
        at = (place,)
        look = Slot(f"{name}.{n + 1}", "conv", looks, at, dilation=dilation, is_depthwise=True)
        steps += [
            Step("relu", n),
            Step("conv", n + 1, look),
            Step("conv", n + 2, Slot(f"{name}.{n + 2}", "conv", points, at)),
            Step("norm", n + 3, Slot(f"{name}.{n + 3}", "norm", norms, at, False)),
        ]
    return steps


def _slots(cell: Cell) -> Iterator[Slot]:
    yield from cell.entry
    for edge in cell.edges:
        for steps in edge.values():
            yield from (step.slot for step in steps if step.slot)
