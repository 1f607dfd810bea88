"""The network of two DARTS cells, in plain PyTorch (Liu et al., 2019, arXiv:1806.09055).

A stem and a chain of cells, each reading the two before it; two of them, at one and at two thirds
of the way, are reduction cells that halve height and width and double the channels. As trained
from scratch after a search: without the auxiliary head and drop path of that recipe.
Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STEM_FACTOR = 3
NODES = (2, 3, 4, 5)
SEPARABLE = {"sep_conv_3x3": 3, "sep_conv_5x5": 5}
DILATED = {"dil_conv_3x3": 3, "dil_conv_5x5": 5}


class ReLUConvNorm(nn.Sequential):
    """A ReLU, a 1x1 convolution and a batch norm."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )


class DepthwiseConv(nn.Sequential):
    """A ReLU, a convolution of each channel by itself, a 1x1 convolution and a batch norm."""

    def __init__(self, channels: int, size: int, stride: int = 1, dilation: int = 1) -> None:
        padding = dilation * (size // 2)
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(
                channels, channels, size, stride, padding, dilation, groups=channels, bias=False
            ),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )


class FactorizedReduce(nn.Module):
    """Halves height and width by two 1x1 convolutions, one on the pixels that the other skips."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        half = out_channels // 2
        self.even = nn.Conv2d(in_channels, half, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(in_channels, out_channels - half, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = self.relu(x_BCHW)
        shifted_BCHW = F.pad(x_BCHW, (-1, 1, -1, 1))  # also fits where a side is odd
        y_BCHW: Tensor = self.norm(torch.cat([self.even(x_BCHW), self.odd(shifted_BCHW)], dim=1))
        return y_BCHW


class Cell(nn.Module):
    """Four nodes; each sums up what its two edges make of earlier states, the output joins them.

    Args:
        genotype: operation and source of two edges for each node.
        in_channels: of the outputs of the last but one and of the last cell.
        channels: of every node.
        is_reduction: edges from the two inputs have stride 2.
        follows_reduction: the output of the last but one cell is twice as high and wide.
    """

    def __init__(
        self,
        genotype: Sequence[tuple[str, int]],
        in_channels: tuple[int, int],
        channels: int,
        *,
        is_reduction: bool,
        follows_reduction: bool,
    ) -> None:
        super().__init__()
        older = FactorizedReduce if follows_reduction else ReLUConvNorm
        self.prepare_older = older(in_channels[0], channels)
        self.prepare_newer = ReLUConvNorm(in_channels[1], channels)
        self.sources = [source for _, source in genotype]
        self.edges = nn.ModuleList(
            operation(name, channels, 2 if is_reduction and source < 2 else 1)
            for name, source in genotype
        )

    def forward(self, older_BCHW: Tensor, newer_BCHW: Tensor) -> Tensor:
        states = [self.prepare_older(older_BCHW), self.prepare_newer(newer_BCHW)]
        terms = zip(self.edges, self.sources, strict=True)
        for _ in NODES:
            (run_a, a), (run_b, b) = next(terms), next(terms)
            states.append(run_a(states[a]) + run_b(states[b]))
        return torch.cat(states[2:], dim=1)


class Network(nn.Module):
    """The whole network.

    Args:
        normal: operation and source of the eight edges of the normal cell.
        reduce: the same of the reduction cell.
        image_channels: channels of an image.
        num_classes: how many outputs.
        channels: of a node of the first cells; doubled by every reduction cell.
        cells: how many.
    """

    def __init__(
        self,
        normal: Sequence[tuple[str, int]],
        reduce: Sequence[tuple[str, int]],
        image_channels: int = 3,
        num_classes: int = 10,
        channels: int = 16,
        cells: int = 8,
    ) -> None:
        super().__init__()
        width = STEM_FACTOR * channels
        self.stem = nn.Sequential(
            nn.Conv2d(image_channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        widths = [width, width]
        self.cells = nn.ModuleList()
        follows_reduction = False
        for place in range(cells):
            is_reduction = place in (cells // 3, 2 * cells // 3)
            channels *= 2 if is_reduction else 1
            genotype = reduce if is_reduction else normal
            self.cells.append(
                Cell(
                    genotype,
                    (widths[-2], widths[-1]),
                    channels,
                    is_reduction=is_reduction,
                    follows_reduction=follows_reduction,
                )
            )
            widths.append(len(NODES) * channels)
            follows_reduction = is_reduction
        self.classifier = nn.Linear(widths[-1], num_classes)

    @property
    def feature_blocks(self) -> list[nn.Module]:
        """Stem and cells, one after the other."""
        return [self.stem, *self.cells]

    @property
    def last_features(self) -> nn.Module:
        """Gives the maps whose means are classified."""
        return self.feature_blocks[-1]

    def forward(self, x_BCHW: Tensor) -> Tensor:
        older_BCHW = newer_BCHW = self.stem(x_BCHW)
        for cell in self.cells:
            older_BCHW, newer_BCHW = newer_BCHW, cell(older_BCHW, newer_BCHW)
        logits_BK: Tensor = self.classifier(newer_BCHW.mean(dim=(2, 3)))
        return logits_BK


def operation(name: str, channels: int, stride: int) -> nn.Module:
    """What an edge makes of a state."""
    if name in SEPARABLE:
        size = SEPARABLE[name]
        return nn.Sequential(DepthwiseConv(channels, size, stride), DepthwiseConv(channels, size))
    if name in DILATED:
        return DepthwiseConv(channels, DILATED[name], stride, dilation=2)
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, padding=1)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
