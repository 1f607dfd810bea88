"""Dropout and drop path, drawn from a generator of their own.

Shapes: B images, C channels, H height, W width, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from search.supernets.processes import Rows


@dataclass(frozen=True)
class Noise:
    """How much is dropped in one pass.

    Attributes:
        dropout: share of the features before the classifier.
        drop_path: share of images for which the last residual branch is left out; earlier
            branches are left out less often, in proportion to their place.
        generator: on the device of the network.
        rows: which of the batch are given; all when left out. It is drawn for the whole batch.
    """

    dropout: float
    drop_path: float
    generator: torch.Generator
    rows: Rows | None = None

    def features(self, x_BF: Tensor) -> Tensor:
        """Drop features, and scale up what is left."""
        return self._dropped(x_BF, self.dropout, x_BF.shape[1:])

    def branch(self, y: Tensor, place: int, num_places: int) -> Tensor:
        """Drop the branch for some images, and scale it up for the others.

        Args:
            y: what the branch gives, B x ...
            place: of the block, from 0.
            num_places: how many blocks the largest network has.
        """
        rate = self.drop_path * (place + 1) / num_places
        return self._dropped(y, rate, (1,) * (y.ndim - 1))

    def _dropped(self, x: Tensor, rate: float, shape: Sequence[int]) -> Tensor:
        if rate == 0:
            return x
        total = self.rows.total if self.rows else len(x)
        kept = torch.empty((total, *shape), dtype=x.dtype, device=x.device)
        kept.bernoulli_(1 - rate, generator=self.generator).div_(1 - rate)
        return x * (self.rows.of(kept) if self.rows else kept)
