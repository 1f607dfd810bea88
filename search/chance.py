"""What scores drawn at random come to: the baseline that every score has to beat.

The expectation, and an interval that holds 95 % of draws, instead of one draw. Both are exact for
what is picked: shares are hypergeometric, and the best of k drawn without replacement has a known
distribution. Coefficients are 0 in the mean. Their intervals are those of a normal distribution
with the variance under all orders: known for Spearman's, 1 / (n - 1), and for Kendall's (1970,
ch. 4, with ties in one ranking), and estimated from draws for the weighted tau. The mean of that
is estimated too where truths are equal: those it ranks by the score, which gives a little above 0.
Shapes: N archs, D draws.
"""

from dataclasses import replace
from math import ceil, lgamma, sqrt
from statistics import NormalDist

import numpy as np

from search._resampled_ranks import Floats, RankedPairs
from search.correlation import (
    CONFIDENCE,
    PICKS_ALL,
    TOP_SHARE,
    Agreement,
    Column,
    Correlations,
    Coverage,
    Estimate,
    is_best,
)

LOW, HIGH = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
NUM_DRAWS, FEW_DRAWS, MANY_ARCHS = 200, 50, 2_000  # few for more archs: a draw takes .1 s then
FEWEST_DRAWS = 10  # where the mean alone is wanted


def chance(
    truth: Column, *, rng: np.random.Generator, k: int = 10, has_intervals: bool = True
) -> Agreement:
    """What :func:`search.correlation.agreement` gives for random scores of all archs.

    Args:
        truth: what they know nothing of.
        rng: draws orders, for the weighted tau.
        k: how many archs one would pick by score.
        has_intervals: without them nothing is drawn, unless truths are equal.

    Raises:
        ValueError: fewer than two archs have a truth.
    """
    y_N = truth.turned_N[truth.has("ok")]
    if len(y_N) < 2:
        raise ValueError(f"{len(y_N)} of {len(truth.values_N)} architectures have a truth")
    tenth = ceil(TOP_SHARE * len(y_N))
    found = Agreement(
        "drop",
        Coverage(len(y_N), 0, 0, 0),
        k,
        everything=_correlations(y_N, rng, has_intervals),
        top=_correlations(y_N[is_best(y_N, tenth)], rng, has_intervals),
        top_overlap=_overlap(y_N, tenth),
        precision_at_k=_overlap(y_N, k),
        regret_at_k=_regret(y_N, k),
    )
    return found if has_intervals else _bare(found)


def _bare(found: Agreement) -> Agreement:
    """Expectations alone."""
    names = ("top_overlap", "precision_at_k", "regret_at_k")
    return replace(
        found, **{name: replace(getattr(found, name), low=None, high=None) for name in names}
    )


def _correlations(y_N: Floats, rng: np.random.Generator, has_intervals: bool) -> Correlations:
    num = len(y_N)
    if num < 2:
        why = "fewer than two of the best tenth have a score"
        return Correlations(num, *([Estimate(None, reason=why)] * 3))
    if len(np.unique(y_N)) == 1:
        return Correlations(num, *([Estimate(None, reason="all truths are equal")] * 3))
    has_ties = len(np.unique(y_N)) < num
    num_draws = _num_draws(num) if has_intervals else FEWEST_DRAWS if has_ties else 0
    draws_D = _weighted_taus(y_N, rng, num_draws)
    mean = float(draws_D.mean()) if has_ties else 0.0
    if not has_intervals:
        return Correlations(num, Estimate(0.0), Estimate(0.0), Estimate(mean))
    return Correlations(
        num,
        _normal(0.0, 1 / sqrt(num - 1)),
        _normal(0.0, _kendall_spread(y_N)),
        _normal(mean, float(np.sqrt(np.square(draws_D - mean).mean()))),
    )


def _normal(mean: float, spread: float) -> Estimate:
    reach = NormalDist().inv_cdf(HIGH) * spread
    return Estimate(mean, max(-1.0, mean - reach), min(1.0, mean + reach))


def _kendall_spread(y_N: Floats) -> float:
    """Standard deviation of tau-b over all orders of scores without ties."""
    num = len(y_N)
    ties_G = np.unique(y_N, return_counts=True)[1].astype(float)
    variance = num * (num - 1) * (2 * num + 5) - (ties_G * (ties_G - 1) * (2 * ties_G + 5)).sum()
    pairs, tied = num * (num - 1) / 2, (ties_G * (ties_G - 1) / 2).sum()
    return float(sqrt(variance / 18) / sqrt(pairs * (pairs - tied)))


def _num_draws(num_archs: int) -> int:
    return NUM_DRAWS if num_archs <= MANY_ARCHS else FEW_DRAWS


def _weighted_taus(y_N: Floats, rng: np.random.Generator, num_draws: int) -> Floats:
    """The weighted tau of scores in random order."""
    num, ones_1N = len(y_N), np.ones((1, len(y_N)))
    draws = [
        RankedPairs(rng.permutation(num).astype(float), y_N).weighted_kendall(ones_1N)[0]
        for _ in range(num_draws)
    ]
    return np.array(draws, dtype=np.float64)


def _overlap(y_N: Floats, k: int) -> Estimate:
    """Of k archs drawn the share that is among the k best: hypergeometric."""
    num = len(y_N)
    if reason := _why_none(y_N, k):
        return Estimate(None, reason=reason)
    hits = range(max(0, 2 * k - num), k + 1)
    logs = [_log_choices(k, h) + _log_choices(num - k, k - h) for h in hits]
    shares = np.exp(np.array(logs) - _log_choices(num, k))
    low, high = _quantiles(shares, np.array(hits) / k)
    return Estimate(k / num, low, high)


def _regret(y_N: Floats, k: int) -> Estimate:
    """How far the best of k archs drawn stays behind the best of all."""
    num = len(y_N)
    if reason := _why_none(y_N, k):
        return Estimate(None, reason=reason)
    regrets_N = y_N.max() - np.sort(y_N)[::-1]
    possible = regrets_N[: num - k + 1]  # of fewer than k archs none is the best of k
    logs = [_log_choices(num - 1 - place, k - 1) for place in range(len(possible))]
    shares = np.exp(np.array(logs) - _log_choices(num, k))  # that each is the best of those drawn
    low, high = _quantiles(shares, possible)
    return Estimate(float((shares * possible).sum()), low, high)


def _why_none(y_N: Floats, k: int) -> str:
    if len(np.unique(y_N)) == 1:
        return "all truths are equal"
    return PICKS_ALL if k >= len(y_N) else ""


def _quantiles(shares: Floats, values: Floats) -> tuple[float, float]:
    """The values, rising, below which the outer parts of a distribution lie."""
    so_far = shares.cumsum()
    low, high = (min(int(np.searchsorted(so_far, q)), len(values) - 1) for q in (LOW, HIGH))
    return float(values[low]), float(values[high])


def _log_choices(num: int, taken: int) -> float:
    """Logarithm of how many ways there are to take so many of *num* things."""
    return lgamma(num + 1) - lgamma(taken + 1) - lgamma(num - taken + 1)
