"""Predictor-based search in the way of BANANAS (White et al., 2021, arXiv:1910.11858)."""

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy.special import ndtr

from search.spaces import Arch, Space
from search.strategies import Proposal, Result, strategies
from search.strategies._order import Guide, Place, Rank, rank
from search.strategies._regressor import Floats, Model, one_hot, predictions
from search.strategies._screening import Screening
from search.strategies._starts import Starts
from search.strategies._state import results_as_json, results_from_json, rng_as_json, set_rng

Acquisition = Literal["its", "ucb", "ei"]

NUM_KEPT = 400  # results that are learnt from: one half the best, one half the latest
UCB_WEIGHT = 0.5
EI_DIVISOR = 5.0


@strategies.register
class Predictor:
    """Learns to predict the objective, and looks at the most promising mutations of the best.

    Every round an ensemble is fitted on what is known of the choices of archs, and predicts mean
    and spread for mutations of the best ones; the ``batch`` best by the acquisition are looked at.
    With a ``guide``, the score of that objective is one more thing to predict from: candidates
    are scored for it alone. While the ensemble cannot be fitted, archs are drawn at random.

    Reference: acquisitions and numbers as in NASLib: independent Thompson sampling (``its``) draws
    from the predicted distribution, ``ucb`` is the mean and half a spread, ``ei`` the expected
    improvement with a fifth of the spread. Archs are encoded by their choices, not by paths; the
    forest is ours, the paper's predictors are ``mlp``.
    """

    visits_once: ClassVar[bool] = False

    def __init__(  # noqa: PLR0913  # one argument a parameter
        self,
        space: Space,
        rng: np.random.Generator,
        /,
        *,
        initial: Annotated[
            int, Field(ge=2, le=1000, description="Random archs before the first prediction.")
        ] = 10,
        batch: Annotated[
            int, Field(ge=1, le=100, description="Archs to look at between two predictions.")
        ] = 10,
        candidates: Annotated[
            int, Field(ge=2, le=1000, description="Mutations to choose from.")
        ] = 100,
        parents: Annotated[
            int, Field(ge=1, le=100, description="The best archs, which are mutated.")
        ] = 5,
        model: Annotated[Model, Field(description="What predicts.")] = "forest",
        acquisition: Annotated[
            Acquisition, Field(description="What is best in a prediction.")
        ] = "its",
        objective: Place = 1,
        guide: Guide | None = None,
    ) -> None:
        self._space = space
        self._rng = rng
        self._starts = Starts(space, rng)
        self._to_draw = initial
        self._batch = batch
        self._num_candidates = candidates
        self._num_parents = parents
        self._model: Model = model
        self._acquisition: Acquisition = acquisition
        self._objective = objective - 1
        self._guide = None if guide is None else guide - 1
        self._screening = Screening(self._guide or 0)
        self._known: list[Result] = []
        self._to_ask: list[Proposal] = []
        self._num_open = 0  # asked for all objectives and not yet told
        self._num_told = 0

    def begin_with(self, archs: Sequence[Arch]) -> None:
        """Let the first of these be what is learnt from first."""
        self._starts.begin_with(archs[: self._to_draw])

    @property
    def is_exhausted(self) -> bool:
        """Never: there is always another round."""
        return False

    @property
    def remark(self) -> str:
        """Why there are no predictions; empty when there are, or nothing is known yet."""
        if self._num_told == 0 or self._can_predict:
            return ""
        return (
            f"the predictor cannot be fitted: objective {self._objective + 1} has fewer than two "
            f"different values among {self._num_told:,} trials, or values too large to compute "
            "with; architectures are drawn at random until that changes"
        )

    @property
    def _can_predict(self) -> bool:
        values = {r.values[self._objective] for r in self._with_value()}
        return len(values) > 1 and bool(np.isfinite(_spread(values)))

    def _with_value(self) -> list[Result]:
        return [r for r in self._known if r.values[self._objective] is not None]

    def ask(self, n: int) -> list[Proposal]:
        """What this round has chosen; no more until all of it is told."""
        if n < 1:
            return []
        if self._to_draw:
            num = min(n, self._to_draw)
            self._to_draw -= num
            self._num_open += num
            return [Proposal(self._starts.draw()) for _ in range(num)]
        if self._screening.is_under_way:
            return self._screening.ask(n)
        if not self._to_ask and not self._num_open:
            self._begin_round()
        if self._to_draw or self._screening.is_under_way:
            return self.ask(n)
        asked, self._to_ask = self._to_ask[:n], self._to_ask[n:]
        self._num_open += len(asked)
        return asked

    def _begin_round(self) -> None:
        screened = self._screening.ranked()
        if screened:
            guides = {r.arch: r.values[self._screening.objective] for r in screened}
            self._choose(guides)
            self._screening.begin(())
        elif not self._can_predict:
            self._to_draw = self._batch
        elif self._guide is None:
            self._choose(dict.fromkeys(self._candidates()))
        else:
            self._screening.begin(self._candidates())

    def _candidates(self) -> list[Arch]:
        """Mutations of the best in turn that are not known; random archs where there are none."""
        ranked = sorted(self._known, key=self._rank)
        best = list({r.arch: r for r in reversed(ranked)}.values())[::-1][: self._num_parents]
        known = {result.arch for result in self._known}
        drawn = (
            self._space.mutate(best[place % len(best)].arch, self._rng)
            for place in range(self._num_candidates)
        )
        fresh = [arch for arch in dict.fromkeys(drawn) if arch not in known]
        return fresh or [self._space.sample(self._rng) for _ in range(self._batch)]

    def _rank(self, result: Result) -> Rank:
        return rank(result, self._objective)

    def _choose(self, guides: dict[Arch, float | None]) -> None:
        """The best by the acquisition, of archs with their values of the guide."""
        archs = list(guides)
        known = self._with_value()
        seed = int(self._rng.integers(2**31))
        predicted_EC = predictions(
            self._model,
            self._features([r.arch for r in known], [self._guide_of(r) for r in known]),
            np.array([r.values[self._objective] for r in known], dtype=float),
            self._features(archs, list(guides.values())),
            seed,
        )
        best = min(v for r in known if (v := r.values[self._objective]) is not None)
        cost_C = self._cost(predicted_EC, best)
        order = np.argsort(cost_C, kind="stable")[: self._batch]
        self._to_ask = [Proposal(archs[place]) for place in order.tolist()]

    def _guide_of(self, result: Result) -> float | None:
        return None if self._guide is None else result.values[self._guide]

    def _features(self, archs: Sequence[Arch], guides: Sequence[float | None]) -> Floats:
        """Choices, and what the guide says: its value and whether it has one."""
        choices_NF = one_hot(self._space, archs)
        if self._guide is None:
            return choices_NF
        given_N2 = [[0.0, 0.0] if g is None else [_squeezed(g), 1.0] for g in guides]
        return np.hstack([choices_NF, np.array(given_N2)])

    def _cost(self, predicted_EC: Floats, best: float) -> Floats:
        """What the acquisition makes of predictions of a value to minimise; lower is better."""
        mean_C, spread_C = predicted_EC.mean(axis=0), predicted_EC.std(axis=0)
        if self._acquisition == "its":
            drawn_C: Floats = self._rng.normal(mean_C, spread_C)
            return drawn_C
        if self._acquisition == "ucb":
            bound_C: Floats = mean_C - UCB_WEIGHT * spread_C
            return bound_C
        return -expected_improvement(mean_C, spread_C / EI_DIVISOR, best)

    def tell(self, results: Sequence[Result]) -> None:
        """Learn from the results: the best and the latest are kept."""
        self._screening.tell([result for result in results if result.only is not None])
        in_full = [result for result in results if result.only is None]
        self._num_open -= len(in_full)
        self._num_told += len(in_full)
        for result in in_full:
            self._known.append(result)
            if len(self._known) > NUM_KEPT:
                older = self._known[: NUM_KEPT // 2 + 1]
                self._known.remove(max(older, key=self._rank))

    def state_dict(self) -> dict[str, Any]:
        """What is known, what this round has chosen, and the random state."""
        return {
            "rng": rng_as_json(self._rng),
            "starts": self._starts.as_json(),
            "to_draw": self._to_draw,
            "known": results_as_json(self._known),
            "screening": self._screening.state_dict(),
            "to_ask": [list(proposal.arch) for proposal in self._to_ask],
            "num_open": self._num_open,
            "num_told": self._num_told,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with that round."""
        set_rng(self._rng, state["rng"])
        self._starts.load(state["starts"])
        self._to_draw = state["to_draw"]
        self._known = results_from_json(state["known"])
        self._screening.load_state_dict(state["screening"])
        self._to_ask = [Proposal(tuple(arch)) for arch in state["to_ask"]]
        self._num_open = state["num_open"]
        self._num_told = state["num_told"]


def expected_improvement(mean_C: Floats, spread_C: Floats, best: float) -> Floats:
    """By how much a normal value is expected to be below *best*, what is above it counting 0."""
    gain_C = best - mean_C
    safe_C = np.where(spread_C > 0, spread_C, 1.0)
    z_C = gain_C / safe_C
    density_C = np.exp(-(z_C**2) / 2) / math.sqrt(2 * math.pi)
    expected_C: Floats = gain_C * ndtr(z_C) + safe_C * density_C
    return np.where(spread_C > 0, expected_C, np.maximum(gain_C, 0.0))


def _squeezed(value: float) -> float:
    """Keeps the order; proxies may be as large as 1e20."""
    return math.copysign(math.log1p(abs(value)), value)


def _spread(values: Iterable[float | None]) -> float:
    """Standard deviation; not finite where it overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.std(np.array(list(values), dtype=float)))
