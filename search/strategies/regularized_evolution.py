"""Regularised (aging) evolution (Real et al., 2019, arXiv:1802.01548)."""

from collections import deque
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from search.spaces import Arch, Space
from search.strategies import Proposal, Result, strategies
from search.strategies._order import Candidates, Guide, Place, Rank, rank
from search.strategies._screening import Screening
from search.strategies._starts import Starts
from search.strategies._state import results_as_json, results_from_json, rng_as_json, set_rng


@strategies.register
class RegularizedEvolution:
    """Mutates the best of a random sample of the population; the oldest leaves.

    Optimises one objective, the first unless ``objective`` says another. Strictly one after the
    other once the population is full: every child is made from all results before it. With a
    ``guide``, several mutations of the parent are scored for that objective alone, and the best
    of those that the population does not hold is looked at; what has no value there comes last.

    Reference: the sample is drawn with replacement, as the runs published with NAS-Bench-201 do.
    The guided move follows how epsinas (Gracheva, 2023, arXiv:2302.04406) is put into searches.
    """

    visits_once: ClassVar[bool] = False

    def __init__(  # noqa: PLR0913  # one argument a parameter
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
        objective: Place = 1,
        guide: Guide | None = None,
        candidates: Candidates = 10,
    ) -> None:
        self._space = space
        self._rng = rng
        self._starts = Starts(space, rng)
        self._capacity = population
        self._sample = sample
        self._objective = objective - 1
        self._is_guided = guide is not None
        self._candidates = candidates
        self._screening = Screening((guide or 1) - 1)
        self._num_asked = 0  # for all objectives
        self._num_told = 0
        self._population: deque[Result] = deque(maxlen=population)  # oldest first

    def begin_with(self, archs: Sequence[Arch]) -> None:
        """Fill the population with the first of these."""
        self._starts.begin_with(archs[: self._capacity])

    @property
    def is_exhausted(self) -> bool:
        """Never: there is always a mutation."""
        return False

    def ask(self, n: int) -> list[Proposal]:
        """The first population; then one child, or what it is chosen from, at a time."""
        num_first = max(0, min(n, self._capacity - self._num_asked))
        if num_first:
            self._num_asked += num_first
            return [Proposal(self._starts.draw()) for _ in range(num_first)]
        if self._screening.is_under_way:
            return self._screening.ask(n)
        if self._num_told < self._num_asked or n < 1:
            return []
        return self._next(n)

    def _next(self, n: int) -> list[Proposal]:
        ranked = self._screening.ranked()
        if self._is_guided and not ranked:
            parent = self._parent()
            self._screening.begin(self._mutations(parent), (parent.number,))
            return self._screening.ask(n)
        self._num_asked += 1
        if not self._is_guided:
            parent = self._parent()
            return [Proposal(self._space.mutate(parent.arch, self._rng), (parent.number,))]
        parents = self._screening.parents
        self._screening.begin(())
        return [Proposal(ranked[0].arch, parents)]

    def _parent(self) -> Result:
        places = self._rng.integers(len(self._population), size=self._sample).tolist()
        return min((self._population[i] for i in places), key=self._rank)

    def _mutations(self, parent: Result) -> list[Arch]:
        """Different ones that do not live, unless all of them do."""
        drawn = [self._space.mutate(parent.arch, self._rng) for _ in range(self._candidates)]
        living = {result.arch for result in self._population}
        fresh = [arch for arch in dict.fromkeys(drawn) if arch not in living]
        return fresh or drawn[:1]

    def _rank(self, result: Result) -> Rank:
        return rank(result, self._objective)

    def tell(self, results: Sequence[Result]) -> None:
        """Take the results in; whoever is oldest leaves."""
        in_full = [result for result in results if result.only is None]
        self._screening.tell([result for result in results if result.only is not None])
        self._num_told += len(in_full)
        self._population.extend(in_full)

    def state_dict(self) -> dict[str, Any]:
        """The population, oldest first, what a child is chosen from, and the random state."""
        return {
            "rng": rng_as_json(self._rng),
            "starts": self._starts.as_json(),
            "num_asked": self._num_asked,
            "num_told": self._num_told,
            "population": results_as_json(self._population),
            "screening": self._screening.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with that population."""
        set_rng(self._rng, state["rng"])
        self._starts.load(state["starts"])
        self._num_asked = state["num_asked"]
        self._num_told = state["num_told"]
        self._population.clear()
        self._population.extend(results_from_json(state["population"]))
        self._screening.load_state_dict(state["screening"])
