"""A tiny elastic residual network, in plain PyTorch: two stages of inverted bottlenecks.

Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Sequence

from torch import Tensor, nn

STRIDES = (1, 2)  # of the first block of a stage


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


class Block(nn.Module):
    """Widen by a 1x1 convolution, look around channel by channel, narrow by a 1x1 convolution.

    A block with a stride has no shortcut.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, expansion: int, stride: int
    ) -> None:
        super().__init__()
        inner = expansion * out_channels
        self.widen = ConvNorm(in_channels, inner, 1)
        self.relu_a = nn.ReLU()
        self.look = ConvNorm(inner, inner, kernel, stride, groups=inner)
        self.relu_b = nn.ReLU()
        self.narrow = ConvNorm(inner, out_channels, 1)
        self.has_shortcut = stride == 1

    def forward(self, x_BCHW: Tensor) -> Tensor:
        wide_BCHW = self.relu_a(self.widen(x_BCHW))
        y_BCHW: Tensor = self.narrow(self.relu_b(self.look(wide_BCHW)))
        return x_BCHW + y_BCHW if self.has_shortcut else y_BCHW


class Network(nn.Module):
    """The whole network.

    Args:
        stages: width, depth, kernel and expansion of each of two stages.
        image_channels: channels of an image.
        num_classes: how many outputs.
    """

    def __init__(
        self,
        stages: Sequence[tuple[int, int, int, int]],
        image_channels: int = 1,
        num_classes: int = 10,
    ) -> None:
        super().__init__()
        channels = stages[0][0]
        self.stem = ConvNorm(image_channels, channels, 3)
        self.relu = nn.ReLU()
        built: list[nn.Module] = []
        for stride, (width, depth, kernel, expansion) in zip(STRIDES, stages, strict=True):
            blocks = [Block(channels, width, kernel, expansion, stride)]
            blocks += [Block(width, width, kernel, expansion, 1) for _ in range(depth - 1)]
            built.append(nn.Sequential(*blocks))
            channels = width
        self.stages = nn.Sequential(*built)
        self.classifier = nn.Linear(channels, num_classes)

    @property
    def feature_blocks(self) -> list[nn.Module]:
        """Stem and blocks, one after the other."""
        return [self.stem, *(block for stage in self.stages for block in stage.children())]

    @property
    def last_features(self) -> nn.Module:
        """Gives the maps whose means are classified."""
        return self.stages

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = self.stages(self.relu(self.stem(x_BCHW)))
        logits_BK: Tensor = self.classifier(x_BCHW.mean(dim=(2, 3)))
        return logits_BK
