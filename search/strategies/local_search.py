"""Local search (White, Nolen and Savani, 2021, arXiv:2005.02960)."""

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
class LocalSearch:
    """Looks at all neighbours of the best and moves to the best of them; restarts at an optimum.

    Optimises one objective, the first unless ``objective`` says another. A climb starts from the
    best of ``initial`` random archs; where no neighbour is better, the next climb starts from
    one random arch. With a ``guide``, all neighbours are scored for that objective alone, and
    only the best ``candidates`` of them are looked at.
    """

    visits_once: ClassVar[bool] = False

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        /,
        *,
        initial: Annotated[
            int, Field(ge=1, le=1000, description="Random archs before the first climb.")
        ] = 10,
        objective: Place = 1,
        guide: Guide | None = None,
        candidates: Candidates = 10,
    ) -> None:
        self._space = space
        self._rng = rng
        self._starts = Starts(space, rng)
        self._is_guided = guide is not None
        self._candidates = candidates
        self._screening = Screening((guide or 1) - 1)
        self._objective = objective - 1
        self._to_draw = initial
        self._num_open = 0  # asked and not yet told
        self._place: Result | None = None  # whose neighbours are looked at; None in a draw
        self._next_neighbour = 0
        self._best: Result | None = None  # of this draw or of these neighbours
        self._neighbours: list[Arch] = []

    def begin_with(self, archs: Sequence[Arch]) -> None:
        """Draw the first of these to start from, then the others where a climb restarts."""
        self._starts.begin_with(archs)

    @property
    def is_exhausted(self) -> bool:
        """Never: there is always a restart."""
        return False

    def ask(self, n: int) -> list[Proposal]:
        """Random archs to start from, or neighbours of where the climb is."""
        if self._screening.is_under_way:
            return self._screening.ask(n)
        proposals = self._draws(n) if self._place is None else self._steps(n, self._place)
        self._num_open += len(proposals)
        return proposals

    def _draws(self, n: int) -> list[Proposal]:
        num_draws = min(n, self._to_draw)
        self._to_draw -= num_draws
        return [Proposal(self._starts.draw()) for _ in range(num_draws)]

    def _steps(self, n: int, place: Result) -> list[Proposal]:
        first = self._next_neighbour
        chosen = self._neighbours[first : first + n]
        self._next_neighbour += len(chosen)
        return [Proposal(arch, (place.number,)) for arch in chosen]

    def tell(self, results: Sequence[Result]) -> None:
        """Keep the best; move or restart when the last result of this step is in."""
        if self._screening.is_under_way:
            self._screening.tell(results)
            self._neighbours = [r.arch for r in self._screening.ranked()[: self._candidates]]
            return
        self._num_open -= len(results)
        candidates = [*results] if self._best is None else [self._best, *results]
        self._best = min(candidates, key=self._rank, default=None)
        if self._num_open == 0 and self._step_is_asked:
            self._move()

    @property
    def _step_is_asked(self) -> bool:
        if self._place is None:
            return self._to_draw == 0
        return self._next_neighbour == len(self._neighbours)

    def _move(self) -> None:
        best, self._best = self._best, None
        if best is not None and self._improves(best):
            self._stand_at(best)
        else:
            self._restart()

    def _improves(self, best: Result) -> bool:
        return self._place is None or self._rank(best)[:3] < self._rank(self._place)[:3]

    def _restart(self) -> None:
        self._place, self._to_draw = None, 1

    def _stand_at(self, place: Result) -> None:
        self._place = place
        self._neighbours = self._space.neighbours(place.arch)
        self._next_neighbour = 0
        if not self._neighbours:
            self._restart()
        elif self._is_guided:
            self._screening.begin(self._neighbours, (place.number,))

    def _rank(self, result: Result) -> Rank:
        return rank(result, self._objective)

    def state_dict(self) -> dict[str, Any]:
        """Where the climb is, the best of the step so far, and the random state."""
        return {
            "rng": rng_as_json(self._rng),
            "starts": self._starts.as_json(),
            "screening": self._screening.state_dict(),
            "to_draw": self._to_draw,
            "num_open": self._num_open,
            "place": results_as_json([self._place] if self._place else []),
            "next_neighbour": self._next_neighbour,
            "best": results_as_json([self._best] if self._best else []),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with that climb."""
        set_rng(self._rng, state["rng"])
        self._place = None
        for place in results_from_json(state["place"]):
            self._stand_at(place)
        self._starts.load(state["starts"])
        self._screening.load_state_dict(state["screening"])
        if self._is_guided:
            self._neighbours = [r.arch for r in self._screening.ranked()[: self._candidates]]
        self._best = next(iter(results_from_json(state["best"])), None)
        self._to_draw = state["to_draw"]
        self._num_open = state["num_open"]
        self._next_neighbour = state["next_neighbour"]
