"""Regularised (aging) evolution (Real et al., 2019, arXiv:1802.01548)."""

from collections import deque
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from search.spaces import Space
from search.strategies import Proposal, Result, strategies
from search.strategies._order import rank
from search.strategies._state import results_as_json, results_from_json, rng_as_json, set_rng


@strategies.register
class RegularizedEvolution:
    """Mutates the best of a random sample of the population; the oldest leaves.

    Optimises one objective, the first unless ``objective`` says another. Strictly one after the
    other once the population is full: every child is made from all results before it.

    Reference: the sample is drawn with replacement, as the runs published with NAS-Bench-201 do.
    """

    visits_once: ClassVar[bool] = False

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        /,
        *,
        population: Annotated[
            int, Field(ge=2, le=1000, description="Archs that live at a time.")
        ] = 10,
        sample: Annotated[
            int, Field(ge=1, le=1000, description="Drawn with replacement; the best is mutated.")
        ] = 3,
        objective: Annotated[
            int, Field(ge=1, le=32, description="Which objective it optimises; 1 is the first.")
        ] = 1,
    ) -> None:
        self._space = space
        self._rng = rng
        self._capacity = population
        self._sample = sample
        self._objective = objective - 1
        self._num_asked = 0
        self._num_told = 0
        self._population: deque[Result] = deque(maxlen=population)  # oldest first

    @property
    def is_exhausted(self) -> bool:
        """Never: there is always a mutation."""
        return False

    def ask(self, n: int) -> list[Proposal]:
        """Random archs until the population is full; then one child at a time."""
        num_random = max(0, min(n, self._capacity - self._num_asked))
        if num_random:
            self._num_asked += num_random
            return [Proposal(self._space.sample(self._rng)) for _ in range(num_random)]
        if self._num_told < self._num_asked or n < 1:
            return []
        self._num_asked += 1
        return [self._child()]

    def _child(self) -> Proposal:
        places = self._rng.integers(len(self._population), size=self._sample).tolist()
        parent = min((self._population[i] for i in places), key=self._rank)
        return Proposal(self._space.mutate(parent.arch, self._rng), (parent.number,))

    def _rank(self, result: Result) -> tuple[int, float, float, int]:
        return rank(result, self._objective)

    def tell(self, results: Sequence[Result]) -> None:
        """Take the results in; whoever is oldest leaves."""
        self._num_told += len(results)
        self._population.extend(results)

    def state_dict(self) -> dict[str, Any]:
        """The population, oldest first, and the random state."""
        return {
            "rng": rng_as_json(self._rng),
            "num_asked": self._num_asked,
            "num_told": self._num_told,
            "population": results_as_json(self._population),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with that population."""
        set_rng(self._rng, state["rng"])
        self._num_asked = state["num_asked"]
        self._num_told = state["num_told"]
        self._population.clear()
        self._population.extend(results_from_json(state["population"]))
