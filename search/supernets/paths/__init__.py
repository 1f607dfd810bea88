"""Path samplers: which subnets a training step runs.

Each draws from a generator of its own, so that nothing else changes what is drawn. Probabilities
are turned into choices in one place, :class:`Draw`: equal probabilities give equal draws,
whatever sampler they come from.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from torch import Tensor

from search.spaces import Arch, Space
from search.strategies._state import rng_as_json, set_rng
from search.supernets.mix import counts_of
from search.supernets.parts import Part
from search.supernets.steps import Moment, Pass, Report


class Draw:
    """Draws every decision of an arch on its own.

    Args:
        shares: for each decision, a share of each choice; they need not add up to 1.
    """

    def __init__(self, shares: Sequence[Sequence[float]]) -> None:
        self._tails = [list(accumulate(vector)) for vector in shares]

    def __call__(self, rng: np.random.Generator) -> Arch:
        """One arch; takes one number from *rng* for each decision."""
        numbers = rng.random(len(self._tails)).tolist()
        return tuple(
            min(bisect_right(tail, number * tail[-1]), len(tail) - 1)
            for tail, number in zip(self._tails, numbers, strict=True)
        )


def uniform_draw(space: Space) -> Draw:
    """Every choice of every decision alike."""
    return Draw([[1 / count] * count for count in counts_of(space)])


def draw_within(part: Part, space: Space) -> Draw:
    """Every choice that is left to a part of the space alike."""
    return Draw(
        [
            [1 / len(left) if choice in left else 0.0 for choice in range(count)]
            for left, count in zip(part, counts_of(space), strict=True)
        ]
    )


class PathSampler:
    """Says which passes a step has, and may learn from what came of them.

    Args:
        space: whose architectures are drawn.
        rng: nobody else draws from it.

    Raises:
        ValueError: :meth:`unfit_reason` of the space.
    """

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        reason = self.unfit_reason(space)
        if reason:
            raise ValueError(reason)
        self.space = space
        self.rng = rng

    @classmethod
    def unfit_reason(cls, space: Space) -> str | None:
        """Why *space* cannot be trained this way, or None when it can."""
        return None

    def passes(self, moment: Moment) -> list[Pass]:
        """The passes of one step, in the order in which they are run."""
        raise NotImplementedError

    def own_gradients(self) -> list[Tensor]:
        """Gradients besides those of the network that :meth:`observe` reads, after the passes."""
        return []

    def observe(self, report: Report) -> None:
        """Look at a step whose gradients are clipped, before the optimiser has used them."""

    def end_epoch(self, epoch: int, num_epochs: int) -> None:
        """Called after the last step of epoch number *epoch*."""

    def log(self) -> dict[str, object]:
        """What the method itself is to be watched by, as JSON."""
        return {}

    def redrawn(self, rng: np.random.Generator) -> Arch | None:
        """An arch as it would be drawn now, by another generator; None where none is to be."""
        return None

    def own_picks(self) -> dict[str, Arch]:
        """Architectures that the method itself would take, by what for; they are evaluated."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {"rng": rng_as_json(self.rng)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        set_rng(self.rng, state["rng"])
