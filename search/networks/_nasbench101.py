"""The network of a NAS-Bench-101 cell, in plain PyTorch (Ying et al., 2019, arXiv:1902.09635).

A stem and stacks of equal cells; between stacks height and width are halved and channels doubled.
Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

SIZES = {"conv3x3-bn-relu": 3, "conv1x1-bn-relu": 1}


class ConvNormReLU(nn.Sequential):
    """A convolution without bias, a batch norm and a ReLU."""

    def __init__(self, in_channels: int, out_channels: int, size: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, size, padding=size // 2, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )


class Cell(nn.Module):
    """A graph of operations; vertex 0 is the input, the last vertex the output.

    Inner vertices add up what leads to them, cut to their number of channels; the input is
    projected to it. The output puts the inner vertices that lead to it side by side, and adds
    the projected input if there is an edge from it.
    """

    def __init__(
        self,
        operations: Sequence[str],
        edges: Sequence[tuple[int, int]],
        in_channels: int,
        out_channels: int,
    ) -> None:
        super().__init__()
        self.last = len(operations) + 1
        self.channels = vertex_channels(edges, self.last, in_channels, out_channels)
        self.sources = [[i for i, j in edges if j == v and i > 0] for v in range(self.last + 1)]
        self.projections = nn.ModuleDict(
            {str(j): ConvNormReLU(in_channels, self.channels[j], 1) for i, j in edges if i == 0}
        )
        self.operations = nn.ModuleList(
            operation(name, self.channels[v]) for v, name in enumerate(operations, 1)
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        vertices = [x_BCHW]
        for v, run in enumerate(self.operations, 1):
            terms = [vertices[i][:, : self.channels[v]] for i in self.sources[v]]
            vertices.append(run(self._with_input(v, terms, x_BCHW)))
        inner = [vertices[i] for i in self.sources[self.last]]
        joined = [torch.cat(inner, dim=1)] if inner else []
        return self._with_input(self.last, joined, x_BCHW)

    def _with_input(self, vertex: int, terms: list[Tensor], x_BCHW: Tensor) -> Tensor:
        """The sum of what leads to a vertex, the projected input included if it does."""
        if str(vertex) in self.projections:
            terms = [*terms, self.projections[str(vertex)](x_BCHW)]
        return sum(terms[1:], terms[0])


class Network(nn.Module):
    """The whole network.

    Args:
        operations: of the vertices between input and output.
        edges: pairs of vertices; 0 is the input, and the one after the last operation the output.
        image_channels: channels of an image.
        num_classes: how many outputs.
        channels: of the first stack; every later one has twice as many.
        stacks: how many.
        modules: cells in each stack.
    """

    def __init__(  # noqa: PLR0913  # the shape of the whole network
        self,
        operations: Sequence[str],
        edges: Sequence[tuple[int, int]],
        image_channels: int = 3,
        num_classes: int = 10,
        channels: int = 128,
        stacks: int = 3,
        modules: int = 3,
    ) -> None:
        super().__init__()
        self.stem = ConvNormReLU(image_channels, channels, 3)
        layers: list[nn.Module] = []
        in_channels = channels
        for stack in range(stacks):
            if stack:
                layers.append(nn.MaxPool2d(2))
                channels *= 2
            for _ in range(modules):
                layers.append(Cell(operations, edges, in_channels, channels))
                in_channels = channels
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, num_classes)

    @property
    def feature_blocks(self) -> list[nn.Module]:
        """Stem and cells, one after the other; a pool between stacks is part of the next cell."""
        return [self.stem, *(layer for layer in self.layers if isinstance(layer, Cell))]

    @property
    def last_features(self) -> nn.Module:
        """Gives the maps whose means are classified."""
        return self.feature_blocks[-1]

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = self.layers(self.stem(x_BCHW))
        logits_BK: Tensor = self.classifier(x_BCHW.mean(dim=(2, 3)))
        return logits_BK


def operation(name: str, channels: int) -> nn.Module:
    """What an inner vertex does with the sum of what leads to it."""
    if name in SIZES:
        return ConvNormReLU(channels, channels, SIZES[name])
    return nn.MaxPool2d(3, stride=1, padding=1)


def vertex_channels(
    edges: Sequence[tuple[int, int]], last: int, in_channels: int, out_channels: int
) -> list[int]:
    """Channels of every vertex of a cell.

    The vertices that lead to the output share its channels evenly, the first ones one more if it
    does not come out even. Any other has as many as the widest vertex it leads to.
    """
    channels = [in_channels] + [0] * (last - 1) + [out_channels]
    joined = sorted(i for i, j in edges if j == last and i > 0)
    for place, vertex in enumerate(joined):
        share, rest = divmod(out_channels, len(joined))
        channels[vertex] = share + (place < rest)
    for vertex in range(last - 1, 0, -1):
        if vertex not in joined:
            channels[vertex] = max(channels[j] for i, j in edges if i == vertex)
    return channels
