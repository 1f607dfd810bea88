"""Dropout and drop path, drawn from a generator of their own.

Shapes: B images, C channels, H height, W width, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from search.supernets.processes import Rows

DropsIn = Literal["last_two_stages", "all_stages"]


@dataclass(frozen=True)
class Noise:
    """How much is dropped in one pass.

    Attributes:
        dropout: share of the features before the classifier.
        drop_path: greatest share of images for which a residual branch is left out; branches are
            left out the more often the later they come.
        drops_in: in which stages, and by which rule; see :meth:`branch`.
        generator: on the device of the network.
        rows: which of the batch are given; all when left out. It is drawn for the whole batch.
    """

    dropout: float
    drop_path: float
    generator: torch.Generator
    rows: Rows | None = None
    drops_in: DropsIn = "last_two_stages"

    def features(self, x_BF: Tensor) -> Tensor:
        """Drop features, and scale up what is left."""
        return self._dropped(x_BF, self.dropout, x_BF.shape[1:])

    def branch(self, y: Tensor, place: int, num_places: int, *, stages_behind: int = 0) -> Tensor:
        """Drop the branch for some images, and scale it up for the others.

        The rate grows in proportion to the place of the block: ``last_two_stages`` counts from 0
        and leaves other stages alone, AttentiveNAS's code (Wang et al., 2021, arXiv:2011.09011);
        ``all_stages`` counts from 1, so that the last block has the greatest rate.

        Args:
            y: what the branch gives, B x ...
            place: of the block, from 0.
            num_places: how many blocks the largest network has.
            stages_behind: stages that come after the block's own; 0 where there are no stages.
        """
        if self.drops_in == "all_stages":
            rate = self.drop_path * (place + 1) / num_places
        else:
            rate = self.drop_path * place / num_places if stages_behind < 2 else 0.0
        return self._dropped(y, rate, (1,) * (y.ndim - 1))

    def _dropped(self, x: Tensor, rate: float, shape: Sequence[int]) -> Tensor:
        if rate == 0:
            return x
        total = self.rows.total if self.rows else len(x)
        kept = torch.empty((total, *shape), dtype=x.dtype, device=x.device)
        kept.bernoulli_(1 - rate, generator=self.generator).div_(1 - rate)
        return x * (self.rows.of(kept) if self.rows else kept)
