"""Networks of small cells, in plain PyTorch (Zhang et al., 2020, arXiv:2001.01431).

A stem of two convolutions, equal cells in a row without reduction, and a classifier. The number
of channels and cells, the stem and the norms without scale inside cells follow the authors'
code; what an operation is made of follows DARTS, as theirs does.
Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

STEM_FACTOR = 3  # channels of the stem for each channel of a node


def conv(in_channels: int, out_channels: int, size: int) -> nn.Conv2d:
    """A convolution without bias that keeps height and width."""
    return nn.Conv2d(in_channels, out_channels, size, padding=size // 2, bias=False)


def separable(channels: int, size: int, dilation: int = 1) -> list[nn.Module]:
    """ReLU, a convolution channel by channel, one of 1x1, and a norm."""
    padding = dilation * (size // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, size, 1, padding, dilation, groups=channels, bias=False),
        conv(channels, channels, 1),
        nn.BatchNorm2d(channels, affine=False),
    ]


def operation(name: str, channels: int) -> nn.Sequential:
    """What stands on an edge."""
    if name == "max_pool_3x3":
        return nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.BatchNorm2d(channels, affine=False))
    if name == "conv_3x3":
        return nn.Sequential(
            nn.ReLU(), conv(channels, channels, 3), nn.BatchNorm2d(channels, affine=False)
        )
    if name == "dep_conv_3x3":
        return nn.Sequential(*separable(channels, 3))
    if name == "dil_conv_5x5":
        return nn.Sequential(*separable(channels, 5, dilation=2))
    size = {"sep_conv_3x3": 3, "sep_conv_5x5": 5}[name]
    return nn.Sequential(*separable(channels, size), *separable(channels, size))


class Cell(nn.Module):
    """An input and two nodes, which the output has side by side."""

    def __init__(self, operations: Sequence[str], in_channels: int, channels: int) -> None:
        super().__init__()
        self.entry = nn.Sequential(
            nn.ReLU(), conv(in_channels, channels, 1), nn.BatchNorm2d(channels, affine=False)
        )
        names = ("0-1", "0-2", "1-2")
        self.edges = nn.ModuleDict(
            {name: operation(o, channels) for name, o in zip(names, operations, strict=True)}
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        entry_BCHW = self.entry(x_BCHW)
        first_BCHW = self.edges["0-1"](entry_BCHW)
        second_BCHW = self.edges["0-2"](entry_BCHW) + self.edges["1-2"](first_BCHW)
        return torch.cat([first_BCHW, second_BCHW], 1)


class Network(nn.Module):
    """The whole network.

    Args:
        operations: of the edges 0-1, 0-2 and 1-2 of every cell.
        image_channels: channels of an image.
        num_classes: how many outputs.
        channels: of a node; a cell has twice as many at its output, the stem three times.
        cells: how many in a row.
    """

    def __init__(
        self,
        operations: Sequence[str],
        image_channels: int = 3,
        num_classes: int = 10,
        channels: int = 16,
        cells: int = 4,
    ) -> None:
        super().__init__()
        wide = STEM_FACTOR * channels
        self.stem = nn.Sequential(
            conv(image_channels, wide, 3),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            conv(wide, wide, 3),
            nn.BatchNorm2d(wide),
        )
        self.cells = nn.Sequential(
            *(Cell(operations, 2 * channels if n else wide, channels) for n in range(cells))
        )
        self.classifier = nn.Linear(2 * channels, num_classes)

    @property
    def feature_blocks(self) -> list[nn.Module]:
        """Stem and cells, one after the other."""
        return [self.stem, *self.cells]

    @property
    def last_features(self) -> nn.Module:
        """Gives the maps whose means are classified."""
        return self.cells

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = self.cells(self.stem(x_BCHW))
        logits_BK: Tensor = self.classifier(x_BCHW.mean(dim=(2, 3)))
        return logits_BK
