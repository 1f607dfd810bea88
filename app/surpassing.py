"""What a pick is worth beside random search: P>R (How to Train Your Super-Net, Yu et al., 2020).

arXiv:2003.04276. Where a pick has rank r among R architectures, each of n random draws is better
than or equal to it with probability r/R, so that it surpasses all with probability (1 - r/R)^n.
Numbers in, numbers and words out; nothing here reads or draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app import wording
from search.supernets.ranking import probability_to_beat_random
from search.traits import Direction

NAME = "Probability to surpass random search"
DRAWS = 10  # n


@dataclass(frozen=True)
class Pick:
    """Where an architecture that was picked stands in truth.

    Attributes:
        rank: r, 1 for the best; of equal values all have the best rank.
        num_known: R, among how many.
        of_what: whose architectures those are, such as ``benchmark nb201`` or ``the space``;
            empty where few are known.
    """

    rank: int
    num_known: int
    of_what: str = ""

    @property
    def surpasses(self) -> float:
        """(1 - r/R)^n."""
        return probability_to_beat_random(self.rank, self.num_known, draws=DRAWS)

    @property
    def words(self) -> str:
        """What R, r and n are; plain text."""
        formula = f"(1 - r/R)^n with n = {DRAWS} random draws"
        if self.of_what:
            return (
                f"rank r = {self.rank:,} of the R = {self.num_known:,} architectures of "
                f"{self.of_what}: {formula}"
            )
        highest = probability_to_beat_random(1, self.num_known, draws=DRAWS)
        return (
            f"rank r = {self.rank:,} among only R = {self.num_known:,} architectures whose truth "
            f"is known, no sample of the space: {formula} of these, which is "
            f"{wording.share(highest)} at best"
        )


def pick_of(
    value: float, known: Sequence[float] | NDArray[np.float64], direction: Direction, of_what: str
) -> Pick:
    """The place of a true value among all that are known.

    Args:
        value: of the pick, and one of those that are known.
        known: of every architecture that it is compared with.
        direction: which values are better.
        of_what: whose they are; empty where they are no sample of the space.
    """
    sign = 1 if direction == "maximize" else -1
    rank = 1 + int(np.count_nonzero(sign * np.asarray(known) > sign * value))
    return Pick(rank, len(known), of_what)
