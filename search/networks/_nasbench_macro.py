"""A network of NAS-Bench-Macro, in plain PyTorch (Su et al., 2021, arXiv:2103.11922).

A stem, three stages of 2, 3 and 3 layers, and a head. The first layer of a stage halves height
and width and doubles the channels. Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Sequence

from torch import Tensor, nn

STAGES = (2, 3, 3)
BOTTLENECKS = {"mb3_k3": (3, 3), "mb6_k5": (6, 5)}  # expansion and kernel size


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


class Bottleneck(nn.Module):
    """Widen by a 1x1 convolution, look around channel by channel, narrow by a 1x1 convolution."""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, expansion: int, size: int
    ) -> None:
        super().__init__()
        inner = in_channels * expansion
        self.widen = ConvNorm(in_channels, inner, 1)
        self.relu_a = nn.ReLU()
        self.look = ConvNorm(inner, inner, size, stride, groups=inner)
        self.relu_b = nn.ReLU()
        self.narrow = ConvNorm(inner, out_channels, 1)
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x_BCHW: Tensor) -> Tensor:
        wide_BCHW = self.relu_a(self.widen(x_BCHW))
        y_BCHW: Tensor = self.narrow(self.relu_b(self.look(wide_BCHW)))
        return x_BCHW + y_BCHW if self.has_shortcut else y_BCHW


class Network(nn.Module):
    """The whole network.

    Args:
        operations: one for each layer: ``identity``, ``mb3_k3`` or ``mb6_k5``.
        image_channels: channels of an image.
        num_classes: how many outputs.
        channels: of the stem; the stages have two, four and eight times as many.
        features: channels of the head.
    """

    def __init__(
        self,
        operations: Sequence[str],
        image_channels: int = 3,
        num_classes: int = 10,
        channels: int = 32,
        features: int = 1280,
    ) -> None:
        super().__init__()
        remaining = iter(operations)
        self.stem = nn.Sequential(ConvNorm(image_channels, channels, 3), nn.ReLU())
        layers: list[nn.Module] = []
        for num_layers in STAGES:
            layers.append(layer(next(remaining), channels, 2 * channels, 2))
            channels *= 2
            layers.extend(
                layer(next(remaining), channels, channels, 1) for _ in range(num_layers - 1)
            )
        self.layers = nn.Sequential(*layers)
        self.head = nn.Sequential(ConvNorm(channels, features, 1), nn.ReLU())
        self.classifier = nn.Linear(features, num_classes)

    @property
    def feature_blocks(self) -> list[nn.Module]:
        """Stem and layers, one after the other; an identity is no layer."""
        layers = (module for module in self.layers if not isinstance(module, nn.Identity))
        return [self.stem, *layers]

    @property
    def last_features(self) -> nn.Module:
        """Gives the maps whose means are classified."""
        return self.head

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = self.head(self.layers(self.stem(x_BCHW)))
        logits_BK: Tensor = self.classifier(x_BCHW.mean(dim=(2, 3)))
        return logits_BK


def layer(operation: str, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """One layer; an identity that has to change the shape is a 1x1 convolution."""
    if operation in BOTTLENECKS:
        return Bottleneck(in_channels, out_channels, stride, *BOTTLENECKS[operation])
    if stride == 1:
        return nn.Identity()
    return ConvNorm(in_channels, out_channels, 1, stride)
