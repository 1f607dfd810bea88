"""The network of a NAS-Bench-201 cell, in plain PyTorch (Dong and Yang, 2020, arXiv:2001.00326).

Three stages of equal cells, with a residual block of stride 2 between stages. Edges that carry
nothing from the input to the output of a cell keep their parameters, as in the published tables,
but are not run. Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
KERNEL_SIZES = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}


class Conv(nn.Conv2d):
    """A convolution without bias that keeps the size of its input, unless it has a stride."""

    def __init__(self, in_channels: int, out_channels: int, size: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, size, stride, size // 2, bias=False)

    def reset_parameters(self) -> None:
        """Draw the weights, unless they are on ``meta`` and have no values."""
        if not self.weight.is_meta:
            super().reset_parameters()


class ConvNorm(nn.Sequential):
    """A convolution and a batch norm."""

    def __init__(self, in_channels: int, out_channels: int, size: int, stride: int = 1) -> None:
        super().__init__(
            Conv(in_channels, out_channels, size, stride), nn.BatchNorm2d(out_channels)
        )


class Pool(nn.AvgPool2d):
    """Mean over the part of a 3x3 window that lies inside the image."""

    def __init__(self) -> None:
        super().__init__(3, stride=1, padding=1, count_include_pad=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        if x_BCHW.dtype is not torch.float32:
            pooled_BCHW: Tensor = super().forward(x_BCHW)
            return pooled_BCHW
        # Sums by a convolution with ones, several times faster than AvgPool2d on a CPU.
        ones_C133 = x_BCHW.new_ones(x_BCHW.shape[1], 1, 3, 3)
        inside_11HW = x_BCHW.new_ones(1, 1, *x_BCHW.shape[2:])
        count_11HW = F.conv2d(inside_11HW, ones_C133[:1], padding=1)
        sum_BCHW = F.conv2d(x_BCHW, ones_C133, padding=1, groups=x_BCHW.shape[1])
        return sum_BCHW.mul_(1 / count_11HW)


class SharedReLU(nn.ReLU):
    """The ReLUs of all convolutions that read one node, run once.

    Attributes:
        copies: how many ReLUs this one stands for.
    """

    def __init__(self, copies: int) -> None:
        super().__init__()
        self.copies = copies


class Cell(nn.Module):
    """Four nodes; node j adds up what its edges make of the nodes before it.

    Attributes:
        runs_dead_edges: run every edge, as a network without pruning would; the output is the
            same.
    """

    def __init__(self, operations: Sequence[str], channels: int) -> None:
        super().__init__()
        self.runs_dead_edges = False
        self.operations = dict(zip(EDGES, operations, strict=True))
        self.live_edges = edges_on_paths(self.operations)
        self.relus = nn.ModuleDict()
        self.convolutions = nn.ModuleDict()
        self.pool = Pool()
        for (i, j), operation in self.operations.items():
            if operation in KERNEL_SIZES:
                size = KERNEL_SIZES[operation]
                self.convolutions[f"{i}-{j}"] = ConvNorm(channels, channels, size)
        for i in (0, 1, 2):
            copies = sum(name.startswith(f"{i}-") for name in self.convolutions)
            if copies:
                self.relus[str(i)] = SharedReLU(copies)

    @property
    def has_unrun_relus(self) -> bool:
        """Some node is read by convolutions none of which runs."""
        run = {i for i, j in self.live_edges if f"{i}-{j}" in self.convolutions}
        return any(int(i) not in run for i in self.relus)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        nodes: dict[int, Tensor] = {0: x_BCHW}
        made: dict[str, Tensor] = {}  # pools and ReLUs, shared between edges
        for i, j in EDGES if self.runs_dead_edges else self.live_edges:
            if self.operations[i, j] == "none":
                continue
            source = nodes[i] if i in nodes else torch.zeros_like(x_BCHW)
            term = self._term((i, j), source, made)
            nodes[j] = nodes[j] + term if j in nodes else term
        return nodes[3] if 3 in nodes else torch.zeros_like(x_BCHW)

    def _term(self, edge: tuple[int, int], x_BCHW: Tensor, made: dict[str, Tensor]) -> Tensor:
        name, relu, pool = f"{edge[0]}-{edge[1]}", f"relu {edge[0]}", f"pool {edge[0]}"
        if name in self.convolutions:
            if relu not in made:
                made[relu] = self.relus[str(edge[0])](x_BCHW)
            y_BCHW: Tensor = self.convolutions[name](made[relu])
            return y_BCHW
        if self.operations[edge] == "avg_pool_3x3":
            if pool not in made:
                made[pool] = self.pool(x_BCHW)
            return made[pool]
        return x_BCHW


class ResidualBlock(nn.Module):
    """Halves height and width, changes the number of channels."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.relu_a = nn.ReLU()
        self.conv_a = ConvNorm(in_channels, out_channels, 3, stride=2)
        self.relu_b = nn.ReLU()
        self.conv_b = ConvNorm(out_channels, out_channels, 3)
        self.pool = nn.AvgPool2d(2)
        self.shortcut = Conv(in_channels, out_channels, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        half_BCHW = self.conv_a(self.relu_a(x_BCHW))
        y_BCHW: Tensor = self.conv_b(self.relu_b(half_BCHW)) + self.shortcut(self.pool(x_BCHW))
        return y_BCHW


class Network(nn.Module):
    """The whole network.

    Args:
        operations: one for each edge of the cell, in the order of EDGES.
        image_channels: channels of an image.
        num_classes: how many outputs.
        channels: channels of the first stage; the later two have twice and four times as many.
        cells: cells in each stage.
    """

    cell: type[Cell] = Cell

    def __init__(
        self,
        operations: Sequence[str],
        image_channels: int = 3,
        num_classes: int = 10,
        channels: int = 16,
        cells: int = 5,
    ) -> None:
        super().__init__()
        widths = (channels, 2 * channels, 4 * channels)
        self.stem = ConvNorm(image_channels, channels, 3)
        layers: list[nn.Module] = []
        for stage, width in enumerate(widths):
            if stage:
                layers.append(ResidualBlock(width // 2, width))
            layers.extend(self.cell(operations, width) for _ in range(cells))
        self.layers = nn.Sequential(*layers)
        self.norm = nn.BatchNorm2d(widths[-1])
        self.relu = nn.ReLU()
        self.classifier = nn.Linear(widths[-1], num_classes)

    @property
    def feature_blocks(self) -> list[nn.Module]:
        """Stem, cells and residual blocks, one after the other."""
        return [self.stem, *self.layers]

    @property
    def last_features(self) -> nn.Module:
        """Gives the maps whose means are classified."""
        return self.relu

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = self.layers(self.stem(x_BCHW))
        x_BC = self.relu(self.norm(x_BCHW)).mean(dim=(2, 3))
        logits_BK: Tensor = self.classifier(x_BC)
        return logits_BK


def edges_on_paths(operations: dict[tuple[int, int], str]) -> list[tuple[int, int]]:
    """Edges on some path from node 0 to node 3 that has no *none*, sources before targets."""
    edges = [edge for edge in EDGES if operations[edge] != "none"]
    reached, leading = {0}, {3}
    for i, j in edges:
        if i in reached:
            reached.add(j)
    for i, j in reversed(edges):
        if j in leading:
            leading.add(i)
    return [(i, j) for i, j in edges if i in reached and j in leading]
