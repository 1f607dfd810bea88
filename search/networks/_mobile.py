"""An elastic MobileNetV3, in plain PyTorch (Cai et al., 2020, arXiv:1908.09791).

A stem, a fixed block, five units of inverted bottlenecks and a head; the first block of a unit has
the unit's stride. Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

STEM_CHANNELS = 16
UNIT_CHANNELS = (24, 40, 80, 112, 160)
UNIT_STRIDES = (2, 2, 2, 1, 2)
UNITS_WITH_RELU = (0, 1)  # the later ones have hard swish
UNITS_WITH_GATES = (1, 3, 4)
WIDE_CHANNELS, FEATURES = 960, 1280


def rounded(channels: float) -> int:
    """The nearest multiple of 8, at least 8 and not below nine tenths of *channels*."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


class ConvNorm(nn.Sequential):
    """A convolution without bias and a batch norm."""

    def __init__(
        self, in_channels: int, out_channels: int, size: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(
            nn.Conv2d(
                in_channels, out_channels, size, stride, size // 2, groups=groups, bias=False
            ),
            nn.BatchNorm2d(out_channels),
        )


class Gate(nn.Module):
    """Squeeze and excitation: scale every channel by what its mean and the others' say."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = rounded(channels // 4)
        self.squeeze = nn.Conv2d(channels, inner, 1)
        self.relu = nn.ReLU()
        self.excite = nn.Conv2d(inner, channels, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        mean_BC11 = x_BCHW.mean(dim=(2, 3), keepdim=True)
        gate_BC11: Tensor = self.excite(self.relu(self.squeeze(mean_BC11)))
        return x_BCHW * ((gate_BC11 + 3).clamp(0, 6) / 6)  # hard sigmoid, twice differentiable


class Bottleneck(nn.Module):
    """Widen by a 1x1 convolution, look around channel by channel, narrow by a 1x1 convolution."""

    def __init__(  # noqa: PLR0913  # the shape of a block
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        expansion: int,
        stride: int,
        *,
        has_relu: bool,
        has_gate: bool,
    ) -> None:
        super().__init__()
        inner = rounded(in_channels * expansion) if expansion > 1 else in_channels
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [ConvNorm(in_channels, inner, 1), activation(has_relu)]
        layers += [ConvNorm(inner, inner, kernel, stride, groups=inner), activation(has_relu)]
        if has_gate:
            layers.append(Gate(inner))
        layers.append(ConvNorm(inner, out_channels, 1))
        self.layers = nn.Sequential(*layers)
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BCHW: Tensor = self.layers(x_BCHW)
        return x_BCHW + y_BCHW if self.has_shortcut else y_BCHW


class Network(nn.Module):
    """The whole network.

    Args:
        units: kernel and expansion of the blocks of each of five units.
        width: factor of all numbers of channels.
        image_channels: channels of an image.
        num_classes: how many outputs.
        resolution: images are resized to squares of this side.
    """

    def __init__(
        self,
        units: Sequence[Sequence[tuple[int, int]]],
        width: float = 1.0,
        image_channels: int = 3,
        num_classes: int = 10,
        resolution: int = 224,
    ) -> None:
        super().__init__()
        self.resolution = resolution
        channels = rounded(STEM_CHANNELS * width)
        self.stem = nn.Sequential(ConvNorm(image_channels, channels, 3, 2), nn.Hardswish())
        blocks: list[nn.Module] = [
            Bottleneck(channels, channels, 3, 1, 1, has_relu=True, has_gate=False)
        ]
        for unit, choices in enumerate(units):
            blocks += unit_blocks(unit, choices, channels, rounded(UNIT_CHANNELS[unit] * width))
            channels = rounded(UNIT_CHANNELS[unit] * width)
        self.blocks = nn.Sequential(*blocks)
        wide, features = rounded(WIDE_CHANNELS * width), rounded(FEATURES * width)
        self.widen = nn.Sequential(ConvNorm(channels, wide, 1), nn.Hardswish())
        self.mix = nn.Sequential(nn.Linear(wide, features, bias=False), nn.Hardswish())
        self.classifier = nn.Linear(features, num_classes)

    @property
    def feature_blocks(self) -> list[nn.Module]:
        """Stem and blocks, one after the other."""
        return [self.stem, *self.blocks]

    @property
    def last_features(self) -> nn.Module:
        """Gives the maps whose means are classified."""
        return self.widen

    def forward(self, x_BCHW: Tensor) -> Tensor:
        size = (self.resolution, self.resolution)
        if x_BCHW.shape[2:] != size:
            x_BCHW = F.interpolate(x_BCHW, size, mode="bilinear", align_corners=False)
        x_BCHW = self.widen(self.blocks(self.stem(x_BCHW)))
        logits_BK: Tensor = self.classifier(self.mix(x_BCHW.mean(dim=(2, 3))))
        return logits_BK


def unit_blocks(
    unit: int, choices: Sequence[tuple[int, int]], in_channels: int, out_channels: int
) -> list[nn.Module]:
    """The blocks of one unit; the first changes channels and size."""
    return [
        Bottleneck(
            out_channels if place else in_channels,
            out_channels,
            kernel,
            expansion,
            1 if place else UNIT_STRIDES[unit],
            has_relu=unit in UNITS_WITH_RELU,
            has_gate=unit in UNITS_WITH_GATES,
        )
        for place, (kernel, expansion) in enumerate(choices)
    ]


def activation(has_relu: bool) -> nn.Module:
    """ReLU in the early units, hard swish in the later ones."""
    return nn.ReLU() if has_relu else nn.Hardswish()
