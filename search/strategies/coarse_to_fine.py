"""Coarse to fine: how BigNAS picks a subnet (Yu et al., 2020, arXiv:2003.11142).

The steps are from a review of the paper and from AttentiveNAS's code; the number of mutations is
from a re-implementation. Ours is that a constraint may be of any objective, or of none.
"""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from search.errors import SpecError
from search.spaces import Arch, Space
from search.strategies import Proposal, Result, strategies
from search.strategies._order import Place, rank
from search.strategies._state import results_as_json, results_from_json, rng_as_json, set_rng

MAX_GRID = 20_000


@strategies.register
class CoarseToFine:
    """First a coarse grid of sizes, then changes of the best so far; what is better is kept.

    The grid has every combination of one choice for each kind of decision, the same wherever
    it occurs: one width, one depth, one kernel for all blocks. Better is feasible first, then by
    one objective. A reconstruction, made for spaces whose decisions are sizes.

    Raises:
        SpecError: the space has no grid.
    """

    visits_once: ClassVar[bool] = False

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        /,
        *,
        mutations: Annotated[
            int, Field(ge=0, le=1_000_000, description="Changes that are tried after the grid.")
        ] = 200,
        redraw: Annotated[
            float,
            Field(gt=0, le=1, description="Probability of every decision to be drawn anew."),
        ] = 0.1,
        objective: Place = 1,
    ) -> None:
        reason = self.unfit_reason(space)
        if reason is not None:
            raise SpecError({"strategy.name": reason})
        self._space, self._rng = space, rng
        self._grid = coarse_grid(space)
        self._mutations, self._redraw = mutations, redraw
        self._objective = objective - 1
        self._next = 0  # of the grid, then of the mutations
        self._num_open = 0  # asked and not yet told
        self._best: Result | None = None

    @classmethod
    def unfit_reason(cls, space: Space) -> str | None:
        """Why *space* has no coarse grid, or None when it has one."""
        for decision in space.decisions:
            if decision.kind == "op":
                return (
                    f"coarse_to_fine needs sizes: decision {decision.name} chooses an operation, "
                    "so that there is no coarse grid"
                )
        size = prod(_counts(space).values())
        if size > MAX_GRID:
            return f"the coarse grid has {size:,} architectures here; {MAX_GRID:,} are the limit"
        return None

    @property
    def is_exhausted(self) -> bool:
        """Grid and mutations are through."""
        return self._next >= len(self._grid) + self._mutations

    def ask(self, n: int) -> list[Proposal]:
        """The rest of the grid; then one change at a time, each of the best so far."""
        chosen = self._grid[self._next : self._next + n]
        if chosen:
            proposals = [Proposal(arch) for arch in chosen]
        elif self.is_exhausted or self._num_open or n < 1:
            return []
        else:
            assert self._best is not None, "the grid is told"
            proposals = [Proposal(self._redrawn(self._best.arch), (self._best.number,))]
        self._next += len(proposals)
        self._num_open += len(proposals)
        return proposals

    def tell(self, results: Sequence[Result]) -> None:
        """Keep the best."""
        self._num_open -= len(results)
        candidates = [*results] if self._best is None else [self._best, *results]
        self._best = min(candidates, key=lambda r: rank(r, self._objective), default=None)

    def state_dict(self) -> dict[str, Any]:
        """How far it is, the best so far, and the random state."""
        return {
            "rng": rng_as_json(self._rng),
            "next": self._next,
            "num_open": self._num_open,
            "best": results_as_json([self._best] if self._best else []),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        set_rng(self._rng, state["rng"])
        self._next, self._num_open = state["next"], state["num_open"]
        self._best = next(iter(results_from_json(state["best"])), None)

    def _redrawn(self, arch: Arch) -> Arch:
        """A valid arch that differs: every decision is drawn anew with a small probability."""
        while True:
            found = redrawn(self._space, arch, self._redraw, self._rng)
            if found != arch and self._space.invalid_reason(found) is None:
                return found


def coarse_grid(space: Space) -> list[Arch]:
    """Every combination of one choice for each kind of decision, the same wherever it occurs.

    Those that are no archs of the space are left out.
    """
    counts = _counts(space)
    kinds = list(counts)
    grid = (
        tuple(choices[kinds.index(decision.kind)] for decision in space.decisions)
        for choices in product(*(range(count) for count in counts.values()))
    )
    return [arch for arch in grid if space.invalid_reason(arch) is None]


def redrawn(space: Space, arch: Arch, share: float, rng: np.random.Generator) -> Arch:
    """Every decision drawn anew, among its other choices, with the probability *share*."""
    counts = [len(decision.choices) for decision in space.decisions]
    numbers = rng.random(len(counts)).tolist()
    steps = [int(rng.integers(1, count)) if count > 1 else 0 for count in counts]
    return tuple(
        (choice + step) % count if number < share else choice
        for choice, count, number, step in zip(arch, counts, numbers, steps, strict=True)
    )


def _counts(space: Space) -> dict[str, int]:
    """By kind of decision: so many choices have all decisions of that kind."""
    kinds = dict.fromkeys(decision.kind for decision in space.decisions)
    return {kind: min(len(d.choices) for d in space.decisions if d.kind == kind) for kind in kinds}
