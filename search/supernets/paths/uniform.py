"""Every choice alike: SPOS (Guo et al., 2020, arXiv:1904.00420)."""

import numpy as np

from search.spaces import Space
from search.supernets.paths import PathSampler, draw_within, uniform_draw
from search.supernets.steps import Moment, Pass, pass_of


class Uniform(PathSampler):
    """A few architectures a step, each choice of each drawn uniformly.

    Args:
        space: whose architectures are drawn.
        rng: nobody else draws from it.
        count: architectures a step.
    """

    def __init__(self, space: Space, rng: np.random.Generator, count: int = 1) -> None:
        super().__init__(space, rng)
        self._draw = uniform_draw(space)
        self._count = count

    def passes(self, moment: Moment) -> list[Pass]:
        """As many as were asked for, within the part of the member that is trained."""
        draw = draw_within(moment.part, self.space) if moment.part else self._draw
        return [pass_of(draw(self.rng)) for _ in range(self._count)]
