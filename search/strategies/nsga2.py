"""NSGA-II (Deb et al., 2002): fronts and crowding decide who survives and who has children."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from search.pareto import crowding_distance, ranks
from search.spaces import Arch, Space
from search.strategies import Proposal, Result, strategies
from search.strategies._order import constraint_rank
from search.strategies._starts import Starts
from search.strategies._state import results_as_json, results_from_json, rng_as_json, set_rng

NUM_ATTEMPTS = 10  # to make a child that the generation does not hold yet

Fitness = tuple[int, float]  # front, minus crowding distance: lower is better


@strategies.register
class Nsga2:
    """Evolves a front for all objectives at once, by crossover and mutation.

    Parents and children compete for places: earlier fronts first, within a front those with more
    room around them. Feasible archs come before infeasible ones, these by violation, archs with
    missing values last. Copies of an arch take one place only.
    """

    visits_once: ClassVar[bool] = False

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        /,
        *,
        population: Annotated[
            int, Field(ge=4, le=1000, description="Archs in a generation.")
        ] = 50,
        crossover: Annotated[
            float, Field(ge=0, le=1, description="Share of children with two parents.")
        ] = 0.9,
        mutation: Annotated[
            float, Field(ge=0, le=1, description="Share of those that are mutated, too.")
        ] = 0.5,
    ) -> None:
        self._space = space
        self._rng = rng
        self._starts = Starts(space, rng)
        self._size = population
        self._crossover = crossover
        self._mutation = mutation
        self._parents: list[Result] = []
        self._fitness: list[Fitness] = []
        self._asked: list[Arch] = []  # of this generation
        self._children: list[Result] = []  # those of them that are told

    def begin_with(self, archs: Sequence[Arch]) -> None:
        """Let the first of these be the first generation."""
        self._starts.begin_with(archs[: self._size])

    @property
    def is_exhausted(self) -> bool:
        """Never: there is always another generation."""
        return False

    def ask(self, n: int) -> list[Proposal]:
        """Children of this generation; no more until all of them are told."""
        proposals: list[Proposal] = []
        while len(proposals) < n and len(self._asked) < self._size:
            proposal = self._child() if self._parents else Proposal(self._starts.draw())
            self._asked.append(proposal.arch)
            proposals.append(proposal)
        return proposals

    def _child(self) -> Proposal:
        present = {*self._asked, *(parent.arch for parent in self._parents)}
        for _ in range(NUM_ATTEMPTS):
            proposal = self._offspring()
            if proposal.arch not in present:
                break
        return proposal

    def _offspring(self) -> Proposal:
        first, second = self._winner(), self._winner()
        if self._rng.random() >= self._crossover or first.number == second.number:
            return Proposal(self._space.mutate(first.arch, self._rng), (first.number,))
        arch = self._space.crossover(first.arch, second.arch, self._rng)
        if self._rng.random() < self._mutation:
            arch = self._space.mutate(arch, self._rng)
        return Proposal(arch, (first.number, second.number))

    def _winner(self) -> Result:
        """The better of two drawn at random."""
        drawn: list[int] = self._rng.integers(len(self._parents), size=2).tolist()
        return self._parents[min(drawn, key=lambda place: (self._fitness[place], place))]

    def tell(self, results: Sequence[Result]) -> None:
        """Collect the generation; when it is whole, let the best of all survive."""
        self._children += results
        if len(self._children) == self._size:
            self._survive()

    def _survive(self) -> None:
        candidates = list({r.arch: r for r in [*self._children, *self._parents]}.values())
        candidates.sort(key=lambda result: result.number)
        fitness = fitness_of(candidates)
        best = sorted(range(len(candidates)), key=lambda place: (fitness[place], place))
        chosen = best[: self._size]
        self._parents = [candidates[place] for place in chosen]
        self._fitness = [fitness[place] for place in chosen]
        self._asked, self._children = [], []

    def state_dict(self) -> dict[str, Any]:
        """Parents, what is known of the children, and the random state."""
        return {
            "rng": rng_as_json(self._rng),
            "starts": self._starts.as_json(),
            "parents": results_as_json(self._parents),
            "fitness": [[front, str(crowding)] for front, crowding in self._fitness],
            "asked": [list(arch) for arch in self._asked],
            "children": results_as_json(self._children),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with that generation."""
        set_rng(self._rng, state["rng"])
        self._starts.load(state["starts"])
        self._parents = results_from_json(state["parents"])
        self._fitness = [(front, float(crowding)) for front, crowding in state["fitness"]]
        self._asked = [tuple(arch) for arch in state["asked"]]
        self._children = results_from_json(state["children"])


def fitness_of(results: Sequence[Result]) -> list[Fitness]:
    """Front and crowding of each among all; crowding is negative, so that lower is better."""
    front_N = _fronts(results)
    crowding_N = np.zeros(len(results))
    for front in np.unique(front_N):
        members = np.flatnonzero(front_N == front).tolist()
        values = [results[i].values for i in members]
        if all(value is not None for row in values for value in row):
            crowding_N[members] = crowding_distance(np.array(values, dtype=float))
    return [(int(f), -float(c)) for f, c in zip(front_N, crowding_N, strict=True)]


def _fronts(results: Sequence[Result]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Pareto ranks of the feasible, then the others: by violation, missing values last."""
    classes = [_class_of(result) for result in results]
    fronts = np.zeros(len(results), dtype=np.int64)
    first = 0
    for kind in sorted(set(classes)):
        members = [place for place, found in enumerate(classes) if found == kind]
        if kind == (0, 0.0):
            values = np.array([results[place].values for place in members], dtype=float)
            fronts[members] = ranks(values, ["minimize"] * values.shape[1])
        else:
            fronts[members] = first
        first = int(fronts[members].max()) + 1
    return fronts


def _class_of(result: Result) -> tuple[int, float]:
    if any(value is None for value in result.values):
        return (3, 0.0)
    return constraint_rank(result)
