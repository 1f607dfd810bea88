"""Dropout and drop path, drawn from a generator of their own.

Shapes: B images, C channels, H height, W width, F features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Noise:
    """How much is dropped in one pass.

    Attributes:
        dropout: share of the features before the classifier.
        drop_path: share of images for which the last residual branch is left out; earlier
            branches are left out less often, in proportion to their place.
        generator: on the device of the network.
    """

    dropout: float
    drop_path: float
    generator: torch.Generator

    def features(self, x_BF: Tensor) -> Tensor:
        """Drop features, and scale up what is left."""
        return _dropped(x_BF, self.dropout, tuple(x_BF.shape), self.generator)

    def branch(self, y: Tensor, place: int, num_places: int) -> Tensor:
        """Drop the branch for some images, and scale it up for the others.

        Args:
            y: what the branch gives, B x ...
            place: of the block, from 0.
            num_places: how many blocks the largest network has.
        """
        rate = self.drop_path * (place + 1) / num_places
        return _dropped(y, rate, (len(y), *[1] * (y.ndim - 1)), self.generator)


def _dropped(x: Tensor, rate: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    if rate == 0:
        return x
    kept = torch.empty(shape, dtype=x.dtype, device=x.device)
    return x * kept.bernoulli_(1 - rate, generator=generator).div_(1 - rate)
