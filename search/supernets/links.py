"""The network of an architecture as a chain, so that chains that begin alike are run once.

Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from torch import Tensor

from search.supernets.mix import Mix
from search.supernets.norms import Norms
from search.supernets.slots import Slot
from search.supernets.sources import WeightSource


@dataclass(frozen=True)
class Link:
    """A part of a network that reads nothing but the part before.

    Attributes:
        run: gives B x C x H x W, the last link B x K; what it is given stays as it is.
        slots: all layers that are run.
        kind: what else the result depends on.
    """

    run: Callable[[Tensor, Norms], Tensor]
    slots: Sequence[Slot]
    kind: Hashable = ()

    def key(self, source: WeightSource, mix: Mix) -> Hashable:
        """Links of equal keys compute the same, given the same."""
        return self.kind, tuple([(slot.name, source.key(slot, mix)) for slot in self.slots])
