"""The processes that train one supernet together; here, one alone.

Shapes: B images.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from torch import Tensor, nn

from search.supernets.norms import BatchNorms, TrackedNorms


@dataclass(frozen=True)
class Rows:
    """Which rows of a batch a process has: every *count*-th, from *rank* on, of *total*."""

    rank: int
    count: int
    total: int

    def of(self, whole: Tensor) -> Tensor:
        """The rows of a tensor that has all of them."""
        return whole[self.rank :: self.count]


class Alone:
    """One process that has the whole batch.

    Attributes:
        rank: number of this process.
        count: of processes.
    """

    rank, count = 0, 1

    def rows(self, total: int) -> Rows:
        """Those of this process, of a batch of *total* images."""
        return Rows(self.rank, self.count, total)

    def model(self, net: nn.Module) -> nn.Module:
        """What is called instead of the network, so that gradients become those of all."""
        return net

    def apart(self, model: nn.Module) -> AbstractContextManager[None]:
        """While this lasts, gradients are added up without becoming those of all."""
        return nullcontext()

    def mean(self, values_B: Tensor, rows: Rows) -> Tensor:
        """A part of the mean over the whole batch, such that the parts' mean is that mean."""
        return values_B.mean()

    def whole(self, x: Tensor, rows: Rows) -> Tensor:
        """The rows of all processes, in their order."""
        return x

    def average(self, gradients: Sequence[Tensor]) -> None:
        """Make gradients that no network holds those of all."""

    def norms(self, norms: BatchNorms | TrackedNorms) -> BatchNorms | TrackedNorms:
        """Norms by the statistics of the whole batch."""
        return norms


ALONE = Alone()
