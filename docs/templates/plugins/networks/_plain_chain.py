"""A chain of convolutions, in plain PyTorch."""

from torch import Tensor, nn


class Network(nn.Module):
    """Convolutions of one width and kernel size, then the mean of the maps and a classifier."""

    def __init__(
        self, depth: int, width: int, kernel: int, image_channels: int, num_classes: int
    ) -> None:
        super().__init__()
        self.stem = block(image_channels, width, kernel)
        self.blocks = nn.Sequential(*(block(width, width, kernel) for _ in range(depth)))
        self.classifier = nn.Linear(width, num_classes)

    @property
    def feature_blocks(self) -> list[nn.Module]:
        """What gives the features of the stem and of every block: az_expressivity reads them."""
        return [self.stem, *self.blocks]

    @property
    def last_features(self) -> nn.Module:
        """What gives the maps before the mean: zen reads them."""
        return self.blocks[-1]

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Logits of a batch."""
        maps_BCHW = self.blocks(self.stem(x_BCHW))
        logits_BK: Tensor = self.classifier(maps_BCHW.mean(dim=(2, 3)))
        return logits_BK


def block(in_channels: int, out_channels: int, kernel: int) -> nn.Module:
    """A convolution, a batch norm and a ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )
