"""Successive halving (Jamieson and Talwalkar, 2016) and Hyperband (Li et al., 2018)."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from search.spaces import Arch, Space
from search.strategies import Proposal, Result, strategies
from search.strategies._draws import Draws
from search.strategies._order import rank
from search.strategies._state import results_as_json, results_from_json


@strategies.register
class SuccessiveHalving:
    """Scores many archs by a cheap objective, the best of them by dearer ones, few in full.

    The ``rungs`` are objectives of rising cost, such as the accuracy after 1, 3 and 9 epochs.
    Of n archs on a rung the best n / ``eta``, at least one, are scored on the next; those on the
    last rung are looked at in full, and only these count for a budget of trials. Then
    the next bracket begins with new archs. Hyperband's brackets differ in where they begin: from
    most archs on the lowest rung to few on the highest.

    Reference: arXiv:1502.07943, arXiv:1603.06560 (algorithm 1; here the resources of the rungs are
    those of the objectives, whatever their ratio).
    """

    visits_once: ClassVar[bool] = False

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        /,
        *,
        rungs: Annotated[
            tuple[Annotated[int, Field(ge=1, le=32)], ...],
            Field(
                min_length=1,
                max_length=6,
                description="Which objectives, the cheapest first; 1 is the first.",
            ),
        ] = (1, 2),
        initial: Annotated[
            int, Field(ge=1, le=1000, description="Archs on the lowest rung; not in Hyperband.")
        ] = 9,
        eta: Annotated[
            int, Field(ge=2, le=5, description="One in so many goes on to the next rung.")
        ] = 3,
        hyperband: Annotated[
            bool, Field(description="Go through Hyperband's brackets in turn.")
        ] = False,
    ) -> None:
        self._draws = Draws(space, rng)
        self._places = tuple(rung - 1 for rung in rungs)
        self._eta = eta
        self._brackets = brackets(len(rungs), eta) if hyperband else [(0, initial)]
        self._num_brackets = 0  # that have begun
        self._rung = 0
        self._keep = 0  # archs of this rung that go on
        self._to_ask: list[Proposal] = []
        self._to_draw = 0
        self._num_open = 0
        self._results: list[Result] = []  # of this rung; what goes on of it

    def begin_with(self, archs: Sequence[Arch]) -> None:
        """Let the first brackets be of these."""
        self._draws.begin_with(archs)

    @property
    def is_exhausted(self) -> bool:
        """Every arch of the space has been on a rung, and the last bracket is over."""
        is_between = not (self._to_ask or self._num_open or self._results)
        return is_between and self._draws.is_exhausted

    def ask(self, n: int) -> list[Proposal]:
        """Archs of this rung; no more until all of them are told."""
        if n < 1:
            return []
        if not (self._to_draw or self._to_ask or self._num_open):
            self._begin_rung()
        if self._to_draw:
            drawn = self._draws.take(min(n, self._to_draw))
            self._to_draw = 0 if self._draws.is_exhausted else self._to_draw - len(drawn)
            asked = [Proposal(arch, (), self._only()) for arch in drawn]
        else:
            asked, self._to_ask = self._to_ask[:n], self._to_ask[n:]
        self._num_open += len(asked)
        return asked

    def _begin_rung(self) -> None:
        """Let the best go on, or begin the next bracket when none are left."""
        best, self._results = self._results, []
        if best and self._rung + 1 < len(self._places):
            self._rung += 1
            only = self._only()
            self._to_ask = [Proposal(r.arch, (r.number,), only) for r in best]
            num = len(best)
        else:
            self._rung, num = self._brackets[self._num_brackets % len(self._brackets)]
            self._num_brackets += 1
            self._to_draw = num
        self._keep = max(1, num // self._eta)

    def _only(self) -> tuple[int, ...] | None:
        is_last = self._rung + 1 == len(self._places)
        return None if is_last else (self._places[self._rung],)

    def tell(self, results: Sequence[Result]) -> None:
        """Keep the best of the rung."""
        self._num_open -= len(results)
        if self._rung + 1 < len(self._places):
            place = self._places[self._rung]
            ranked = sorted([*self._results, *results], key=lambda r: rank(r, place))
            self._results = ranked[: self._keep]

    def state_dict(self) -> dict[str, Any]:
        """The bracket, its rung, and the best of it so far."""
        return {
            "draws": self._draws.state_dict(),
            "num_brackets": self._num_brackets,
            "rung": self._rung,
            "keep": self._keep,
            "to_ask": [[list(p.arch), list(p.parents)] for p in self._to_ask],
            "to_draw": self._to_draw,
            "num_open": self._num_open,
            "results": results_as_json(self._results),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with that bracket."""
        self._draws.load_state_dict(state["draws"])
        self._num_brackets = state["num_brackets"]
        self._rung = state["rung"]
        self._keep = state["keep"]
        only = self._only()
        self._to_ask = [Proposal(tuple(a), tuple(p), only) for a, p in state["to_ask"]]
        self._to_draw = state["to_draw"]
        self._num_open = state["num_open"]
        self._results = results_from_json(state["results"])


def brackets(num_rungs: int, eta: int) -> list[tuple[int, int]]:
    """Hyperband's brackets: the rung that each begins on, counted from 0, and with how many archs.

    With s_max = num_rungs - 1, for s = s_max, ..., 0: n = ceil((s_max + 1) / (s + 1) eta^s) on
    rung s_max - s.
    """
    return [
        (num_rungs - 1 - s, -(-num_rungs * eta**s // (s + 1))) for s in reversed(range(num_rungs))
    ]


def num_scored(
    num_full: int, num_rungs: int, *, initial: int, eta: int, hyperband: bool
) -> list[int]:
    """How many archs are scored for each rung until so many have been looked at in full.

    A trial in full scores the rungs below the one that its bracket begins on, too.
    """
    begun = brackets(num_rungs, eta) if hyperband else [(0, initial)]
    cycle = [_sizes(first, num, num_rungs, eta) for first, num in begun]
    whole, left = divmod(num_full, sum(sizes[-1] for sizes in cycle))
    nums = [whole * sum(sizes) for sizes in zip(*cycle, strict=True)]
    for (first, _), sizes in zip(begun, cycle, strict=True):
        last = min(left, sizes[-1])
        if last:
            left -= last
            made = [last] * first + sizes[first:-1] + [last]
            nums = [a + b for a, b in zip(nums, made, strict=True)]
    return nums


def _sizes(first: int, num: int, num_rungs: int, eta: int) -> list[int]:
    """How many archs of a bracket are scored for each rung."""
    sizes = [num]
    while len(sizes) < num_rungs - first:
        sizes.append(max(1, sizes[-1] // eta))
    return [sizes[-1]] * first + sizes


def budgets(lowest: int, highest: int, eta: int = 3) -> list[int]:
    """Training budgets of the rungs: *lowest*, times *eta*, and so on, and *highest* last.

    Counted in whole numbers: the logarithm of 243 to base 3 is below 5 in floating point.

    Raises:
        ValueError: *lowest* is below 1 or above *highest*, or *eta* is below 2.
    """
    if not 1 <= lowest <= highest or eta < 2:
        raise ValueError(f"no rungs from {lowest} to {highest} by {eta}")
    found = [lowest]
    while found[-1] * eta < highest:
        found.append(found[-1] * eta)
    return found if found[-1] == highest else [*found, highest]
