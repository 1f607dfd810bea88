"""Uniform over different networks, not over encodings.

Random-A of How to Train Your Super-Net (Yu et al., 2020, arXiv:2003.04276). That it is a draw
over architectures without their duplicates is from memory; the authors' code was not at hand.
"""

import numpy as np

from search.spaces import Arch, Space
from search.supernets.paths import PathSampler
from search.supernets.steps import Moment, Pass, pass_of

MAX_SIZE = 100_000  # of a space that is listed


class RandomA(PathSampler):
    """One architecture a step; each class of equal networks alike.

    Args:
        space: whose architectures are drawn.
        rng: nobody else draws from it.
    """

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        super().__init__(space, rng)
        self._archs = different_archs(space)

    @classmethod
    def unfit_reason(cls, space: Space) -> str | None:
        """The space is too large to be listed."""
        if space.size > MAX_SIZE:
            return (
                f"{space.size:,} architectures are too many to tell equal ones apart; "
                f"{MAX_SIZE:,} are the limit"
            )
        return super().unfit_reason(space)

    def passes(self, moment: Moment) -> list[Pass]:
        """One."""
        return [pass_of(self._archs[int(self.rng.integers(len(self._archs)))])]


def different_archs(space: Space) -> list[Arch]:
    """One of each class of the coarsest equivalence, in the space's order."""
    coarsest = space.equivalences[-1]
    archs = (space.at(number) for number in range(space.size))
    return list(dict.fromkeys(space.canonical(arch, coarsest) for arch in archs))
