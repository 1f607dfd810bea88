"""Architectures in turn (Deeper Insights, Zhang et al., 2020, arXiv:2001.01431), code."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from search.spaces import Arch, Space
from search.supernets.paths import PathSampler
from search.supernets.steps import Moment, Pass, pass_of

Order = Literal["fixed", "shuffled", "reshuffled"]


class RoundRobin(PathSampler):
    """One architecture a step, each as often as every other.

    Args:
        space: whose architectures are trained.
        rng: nobody else draws from it.
        archs: which ones; all of the space when left out.
        order: as listed, shuffled once, or shuffled again for every round.
    """

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        archs: Sequence[Arch] | None = None,
        order: Order = "fixed",
    ) -> None:
        super().__init__(space, rng)
        self._archs = list(archs) if archs else [space.at(n) for n in range(space.size)]
        self._is_reshuffled = order == "reshuffled"
        self._turns = list(range(len(self._archs)))
        if order != "fixed":
            rng.shuffle(self._turns)

    def passes(self, moment: Moment) -> list[Pass]:
        """The next one."""
        turn = moment.step % len(self._archs)
        if turn == 0 and moment.step and self._is_reshuffled:
            self.rng.shuffle(self._turns)
        return [pass_of(self._archs[self._turns[turn]])]

    def state_dict(self) -> dict[str, Any]:
        """The generator and the order of the round."""
        return super().state_dict() | {"turns": list(self._turns)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        super().load_state_dict(state)
        self._turns = list(state["turns"])
