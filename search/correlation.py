"""How far a score may be believed: its agreement with the truth, with intervals and coverage.

Spearman's and Kendall's coefficients as scipy has them, and what counts when a score picks
candidates. Intervals are percentiles of bootstrap resamples over archs. Every resample is exact,
but for the two kinds of Kendall's tau of more than 1,000 archs: there the sum over pairs of archs
is taken to first order in how often a resample has each arch, which leaves out terms of the order
of 1/n (at 15,625 archs .0002 where the interval is .013 wide) and takes a second, not a minute.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from search._resampled_ranks import Floats, RankedPairs, resamples
from search.events import ScoreStatus
from search.traits import Direction

Policy = Literal["drop", "rank_last"]

CONFIDENCE = 0.95
TOP_SHARE = 0.1
NUM_RESAMPLES = 1_000
FEWEST_RESAMPLED = 5  # of fewer archs even equal rankings may well be chance: p > .05, two-sided
PICKS_ALL = "there are no more architectures than are picked"


@dataclass(frozen=True)
class Estimate:
    """A figure and its interval, or why there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Coverage:
    """Of how many archs with a truth the score is what."""

    ok: int
    undefined: int
    failed: int
    missing: int

    @property
    def total(self) -> int:
        """All archs whose truth is known."""
        return self.ok + self.undefined + self.failed + self.missing


@dataclass(frozen=True)
class Correlations:
    """How alike two rankings are, from -1 to 1; *num_archs* is what the figures rest on."""

    num_archs: int
    spearman: Estimate
    kendall: Estimate
    weighted_kendall: Estimate


@dataclass(frozen=True)
class Agreement:
    """What a score says about the truth.

    Attributes:
        undefined: what was done with undefined scores; failed and missing ones are left out.
        everything: over all archs that count.
        top: over the best tenth by truth, of those that count.
        top_overlap: share of the best tenth by score that is in the best tenth by truth.
        precision_at_k: share of the *k* best by score among the *k* best by truth.
        regret_at_k: how far the best truth of the *k* best by score stays behind the best.
    """

    undefined: Policy
    coverage: Coverage
    k: int
    everything: Correlations
    top: Correlations
    top_overlap: Estimate
    precision_at_k: Estimate
    regret_at_k: Estimate


@dataclass(frozen=True)
class Column:
    """Scores, or the truth, of archs in some order.

    Attributes:
        values_N: as their source defines them; what they are worth is read from the statuses.
        statuses_N: ``not_applicable`` for what was not measured.
        direction: which values are better.
    """

    values_N: Floats
    statuses_N: Sequence[ScoreStatus]
    direction: Direction = "maximize"

    @classmethod
    def of(cls, values: Sequence[float] | Floats, direction: Direction = "maximize") -> "Column":
        """Values alone: what is not finite is undefined."""
        values_N = np.asarray(values, dtype=np.float64)
        is_known_N = np.isfinite(values_N)
        return cls(values_N, ["ok" if known else "undefined" for known in is_known_N], direction)

    def has(self, status: ScoreStatus) -> NDArray[np.bool_]:
        """Where the status is this."""
        return np.array([each == status for each in self.statuses_N], dtype=bool)

    @property
    def turned_N(self) -> Floats:
        """Higher is better; minus infinity where there is no value."""
        sign = 1 if self.direction == "maximize" else -1
        return np.where(self.has("ok"), sign * self.values_N, -np.inf)


@dataclass(frozen=True)
class Figure:
    """How one figure comes out for resamples, given by their counts.

    Attributes:
        value: for the archs themselves; None when that is the resample that has each once.
        num_picked: archs that are picked by score; all of them leave nothing to say.
    """

    of_resamples: Callable[[Floats], Floats]
    value: float | None = None
    num_picked: int = 0


@dataclass(frozen=True)
class Pairwise:
    """Which scores agree with which.

    Attributes:
        spearman: rows and columns in the order of *names*; None where it is not defined.
        num_common: archs that both have, and on which the figure rests.
    """

    names: tuple[str, ...]
    spearman: tuple[tuple[float | None, ...], ...]
    num_common: tuple[tuple[int, ...], ...]


def agreement(
    scores: Column,
    truth: Column,
    *,
    rng: np.random.Generator,
    undefined: Policy = "drop",
    k: int = 10,
    num_resamples: int = NUM_RESAMPLES,
) -> Agreement:
    """Compare scores with the truth of the same archs, in the same order.

    Ties count as half or are broken at random, so that scoring many archs alike gains nothing.

    Args:
        scores: of the archs.
        truth: what they should have predicted.
        rng: draws the resamples.
        undefined: ``drop`` archs whose score is undefined, or ``rank_last`` them, as equals.
        k: how many archs one would pick by score.
        num_resamples: behind each interval; 0 for no intervals. Fewer than five archs have none:
            resamples of two or three that agree would all agree.

    Raises:
        ValueError: fewer than two archs have both, or the two are not of the same archs.
    """
    is_true_N, is_ranked_N = truth.has("ok"), scores.has("ok")
    if len(is_true_N) != len(is_ranked_N):
        raise ValueError(f"{len(is_ranked_N)} scores cannot belong to {len(is_true_N)} truths")
    if undefined == "rank_last":
        is_ranked_N |= scores.has("undefined")
    common_N = is_ranked_N & is_true_N
    if common_N.sum() < 2:
        raise ValueError(
            f"{common_N.sum()} of {len(common_N)} architectures have both a score and a truth; "
            "to compare them takes at least two"
        )
    x_N, y_N = scores.turned_N, truth.turned_N
    best_N = common_N & is_best(y_N, ceil(TOP_SHARE * is_true_N.sum()))
    pairs = RankedPairs(x_N[common_N], y_N[common_N])
    figures = {**_correlations(pairs), **_picks(pairs, k, rng)}
    found = _estimates(pairs, figures, rng, num_resamples)
    return Agreement(
        undefined,
        _coverage(scores, is_true_N),
        k,
        everything=Correlations(
            pairs.num_pairs, *(found.pop(name) for name in _correlations(pairs))
        ),
        top=_of_the_best(x_N[best_N], y_N[best_N], rng, num_resamples),
        **found,
    )


def pairwise(columns: Mapping[str, Column]) -> Pairwise:
    """Spearman's correlation of every two scores, each turned so that higher is better."""
    names = tuple(columns)
    known_PN = np.array([columns[name].has("ok") for name in names])
    turned_PN = np.array([columns[name].turned_N for name in names])
    common_PP = known_PN.astype(np.int64) @ known_PN.T.astype(np.int64)
    rows = []
    for a in range(len(names)):
        both_PN = known_PN[a] & known_PN
        rows.append(
            tuple(
                _spearman(turned_PN[a, both_N], turned_PN[b, both_N])
                for b, both_N in enumerate(both_PN)
            )
        )
    return Pairwise(names, tuple(rows), tuple(tuple(row) for row in common_PP.tolist()))


def probability_to_surpass(
    results: Sequence[float], control: Sequence[float], *, direction: Direction = "maximize"
) -> Estimate:
    """How probably a run of a search ends better than a run of random search of equal budget.

    The share of all pairs of a result and a control that the result wins; ties count as half.
    The interval is that of all probabilities under which this share would not surprise, with the
    variance of Hanley and McNeil (1982) in the mean of both sample sizes (Newcombe, 2006). Unlike
    a bootstrap it stays honest when the result wins every pair.

    Args:
        results: what each run of the search ended with.
        control: what each run of random search ended with.
        direction: which results are better.

    Raises:
        ValueError: there is no result, or no control, or one is not finite.
    """
    a_N, b_M = (np.asarray(each, dtype=np.float64) for each in (results, control))
    if not len(a_N) or not len(b_M):
        raise ValueError("at least one result and one control are needed to compare them")
    if not np.isfinite([*a_N, *b_M]).all():
        raise ValueError("a result that is not finite cannot be compared")
    won_NM = a_N[:, None] > b_M if direction == "maximize" else a_N[:, None] < b_M
    share = float(won_NM.mean() + (a_N[:, None] == b_M).mean() / 2)
    low = _bound(share, 0.0, (len(a_N), len(b_M)))
    return Estimate(share, low, _bound(share, 1.0, (len(a_N), len(b_M))))


def _bound(share: float, end: float, sizes: tuple[int, int]) -> float:
    """The probability nearest to *end* under which the share lies within its own spread."""
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    num = sum(sizes) / 2 - 1

    def surprises(p: float) -> bool:
        spread = 1 + num * (1 - p) / (2 - p) + num * p / (1 + p)
        return (share - p) ** 2 > z * z * p * (1 - p) * spread / (sizes[0] * sizes[1])

    inside, outside = share, end
    for _ in range(50):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if surprises(middle) else (middle, outside)
    return inside


def _coverage(scores: Column, is_true_N: NDArray[np.bool_]) -> Coverage:
    ok, undefined, failed = (
        int((scores.has(status) & is_true_N).sum()) for status in ("ok", "undefined", "failed")
    )
    return Coverage(ok, undefined, failed, int(is_true_N.sum()) - ok - undefined - failed)


def is_best(y_N: Floats, num: int) -> NDArray[np.bool_]:
    """The *num* highest; of equal ones the first."""
    is_best_N = np.zeros(len(y_N), dtype=bool)
    is_best_N[np.argsort(-y_N, kind="stable")[:num]] = True
    return is_best_N


def _correlations(pairs: RankedPairs) -> dict[str, Figure]:
    return {
        "spearman": Figure(pairs.spearman),
        "kendall": Figure(pairs.kendall),
        "weighted_kendall": Figure(pairs.weighted_kendall),
    }


def _picks(pairs: RankedPairs, k: int, rng: np.random.Generator) -> dict[str, Figure]:
    tenth = ceil(TOP_SHARE * pairs.num_pairs)
    return {
        "top_overlap": Figure(
            partial(pairs.overlap, k=tenth, rng=rng), pairs.expected_overlap(tenth), tenth
        ),
        "precision_at_k": Figure(
            partial(pairs.overlap, k=k, rng=rng), pairs.expected_overlap(k), k
        ),
        "regret_at_k": Figure(partial(pairs.regret, k=k, rng=rng), pairs.expected_regret(k), k),
    }


def _of_the_best(
    x_N: Floats, y_N: Floats, rng: np.random.Generator, num_resamples: int
) -> Correlations:
    if len(x_N) < 2:
        reason = "fewer than two of the best tenth have a score"
        return Correlations(len(x_N), *([Estimate(None, reason=reason)] * 3))
    pairs = RankedPairs(x_N, y_N)
    found = _estimates(pairs, _correlations(pairs), rng, num_resamples)
    return Correlations(pairs.num_pairs, *found.values())


def _estimates(
    pairs: RankedPairs, figures: Mapping[str, Figure], rng: np.random.Generator, num_resamples: int
) -> dict[str, Estimate]:
    if reason := _why_undefined(pairs):
        return {name: Estimate(None, reason=reason) for name in figures}
    if pairs.num_pairs < FEWEST_RESAMPLED:
        num_resamples = 0
    possible = {name: each for name, each in figures.items() if each.num_picked < pairs.num_pairs}
    chunks = [
        [each.of_resamples(counts_RN) for each in possible.values()]
        for counts_RN in resamples(pairs.num_pairs, num_resamples, rng)
    ]
    found = {
        name: _estimate(figure, pairs, [chunk[place] for chunk in chunks])
        for place, (name, figure) in enumerate(possible.items())
    }
    return {name: found.get(name, Estimate(None, reason=PICKS_ALL)) for name in figures}


def _why_undefined(pairs: RankedPairs) -> str:
    if pairs.has_equal_scores:
        return "all scores are equal"
    return "all truths are equal" if pairs.has_equal_truths else ""


def _estimate(figure: Figure, pairs: RankedPairs, chunks: Sequence[Floats]) -> Estimate:
    """A figure and the percentiles of its resamples; those of equal values have none."""
    value = figure.value
    if value is None:
        value = float(figure.of_resamples(np.ones((1, pairs.num_pairs)))[0])
    values_R = np.concatenate([np.empty(0), *chunks])
    values_R = values_R[np.isfinite(values_R)]
    if len(values_R) < 2:
        return Estimate(value)
    low, high = np.quantile(values_R, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(value, float(low), float(high))


def _spearman(x_N: Floats, y_N: Floats) -> float | None:
    if len(x_N) < 2:
        return None
    pairs = RankedPairs(x_N, y_N)
    if _why_undefined(pairs):
        return None
    return float(pairs.spearman(np.ones((1, len(x_N))))[0])
