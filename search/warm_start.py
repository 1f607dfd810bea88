"""Begin where an objective says it is worth while: screen a pool, then let a strategy begin."""

from bisect import insort
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from search.spaces import Arch, Space
from search.strategies import Beginner, Proposal, Result, remark_of
from search.strategies._draws import Draws
from search.strategies._order import Rank, rank

NUM_KEPT = 1000  # of the pool, the best: more than any strategy begins with


class WarmStarted:
    """A strategy that begins with the best of a pool.

    Archs drawn at random, none twice, are scored for one objective only; what has no value there
    comes last. The ranked archs are then handed to the strategy as its first ones.

    Args:
        strategy: that has not begun.
        space: whose archs are drawn.
        rng: draws the pool.
        objective: place of the objective that ranks the pool, counted from 0.
        pool: how many archs; the whole space if it is smaller.
    """

    visits_once: ClassVar[bool] = False  # what is in the pool comes again

    def __init__(
        self,
        strategy: Beginner,
        space: Space,
        rng: np.random.Generator,
        *,
        objective: int,
        pool: int,
    ) -> None:
        self._strategy = strategy
        self._objective = objective
        self._draws = Draws(space, rng)
        self._to_draw = min(pool, space.size)
        self._num_open = 0
        self._best: list[tuple[Rank, Arch]] = []  # the best first
        self._has_begun = False

    @property
    def is_exhausted(self) -> bool:
        """The strategy is."""
        return self._has_begun and self._strategy.is_exhausted

    @property
    def remark(self) -> str:
        """What the strategy has to say."""
        return remark_of(self._strategy)

    def ask(self, n: int) -> list[Proposal]:
        """The pool; when all of it is told, what the strategy proposes."""
        if self._to_draw:
            archs = self._draws.take(min(n, self._to_draw))
            self._to_draw = 0 if self._draws.is_exhausted else self._to_draw - len(archs)
            self._num_open += len(archs)
            if archs or n < 1:
                return [Proposal(arch, only=(self._objective,)) for arch in archs]
        if self._num_open:
            return []
        if not self._has_begun:
            self._begin()
        return self._strategy.ask(n)

    def _begin(self) -> None:
        self._strategy.begin_with([arch for _, arch in self._best])
        self._best = []
        self._has_begun = True

    def tell(self, results: Sequence[Result]) -> None:
        """Rank the pool, or let the strategy learn."""
        if self._has_begun:
            self._strategy.tell(results)
            return
        self._num_open -= len(results)
        for result in results:
            insort(self._best, (rank(result, self._objective), result.arch))
        del self._best[NUM_KEPT:]

    def state_dict(self) -> dict[str, Any]:
        """How far the pool is, the best of it so far, and the strategy."""
        return {
            "draws": self._draws.state_dict(),
            "to_draw": self._to_draw,
            "num_open": self._num_open,
            "best": [[list(order), list(arch)] for order, arch in self._best],
            "has_begun": self._has_begun,
            "strategy": self._strategy.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with that pool, or with that strategy."""
        self._draws.load_state_dict(state["draws"])
        self._to_draw = state["to_draw"]
        self._num_open = state["num_open"]
        self._best = [((a, b, c, d), tuple(arch)) for (a, b, c, d), arch in state["best"]]
        self._has_begun = state["has_begun"]
        self._strategy.load_state_dict(state["strategy"])
