"""Rank statistics of many resamples of the same pairs at once; see search.correlation.

A resample is held as counts, how often it has each pair, so that nothing is sorted again: ranks
are running sums of counts. Letters: N pairs, R resamples, G groups of equal values, K columns of
weights. Higher values are better, and the best has rank 0 where ranks give weights.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

EXACT_PAIRS = 1_000  # up to so many pairs every pair of pairs is held
CHUNK = 50  # resamples at a time
_PLAIN, _BY_SCORE, _BY_TRUTH = range(3)  # weightings of Kendall's tau


class Ranking:
    """One of the two values of every pair, as groups of equal values in rising order."""

    def __init__(self, values_N: Floats) -> None:
        self.groups_N: Places
        self.groups_N = np.unique(values_N, return_inverse=True)[1]
        self.num_groups = int(self.groups_N.max()) + 1
        self._order_N = np.argsort(self.groups_N, kind="stable")
        self._starts_G = np.searchsorted(self.groups_N[self._order_N], np.arange(self.num_groups))

    def totals(self, w_RN: Floats) -> Floats:
        """Sum of the weights of each group; R x G."""
        sorted_RN = w_RN[:, self._order_N]
        if self.num_groups == len(self.groups_N):
            return sorted_RN
        totals_RG: Floats = np.add.reduceat(sorted_RN, self._starts_G, axis=1)
        return totals_RG

    def midranks(self, counts_RN: Floats) -> Floats:
        """Mean rank of each pair's copies in each resample, from 1 up."""
        totals_RG = self.totals(counts_RN)
        midranks_RN: Floats = (totals_RG.cumsum(axis=1) - (totals_RG - 1) / 2)[:, self.groups_N]
        return midranks_RN

    def falling(self, rng: np.random.Generator) -> Places:
        """From best to worst, ties broken at random."""
        return np.lexsort((rng.random(len(self.groups_N)), self.groups_N))[::-1]

    def shares_of_best(self, k: int) -> Floats:
        """For each pair the probability to be among the k best, ties broken at random."""
        sizes_G = self.totals(np.ones((1, len(self.groups_N))))[0]
        better_G = sizes_G[::-1].cumsum()[::-1] - sizes_G
        shares_N: Floats = np.clip((k - better_G) / sizes_G, 0, 1)[self.groups_N]
        return shares_N


class RankedPairs:
    """Pairs of a score and a truth, ready to be resampled."""

    def __init__(self, x_N: Floats, y_N: Floats) -> None:
        self.has_equal_scores = len(set(x_N.tolist())) == 1
        self.has_equal_truths = len(set(y_N.tolist())) == 1
        self.num_pairs = len(x_N)
        self._x, self._y = Ranking(x_N), Ranking(y_N)
        self._truth_N = y_N

    def spearman(self, counts_RN: Floats) -> Floats:
        """Correlation of mean ranks."""
        x_RN, y_RN = (each.midranks(counts_RN) for each in (self._x, self._y))
        mean = (self.num_pairs + 1) / 2
        x_RN -= mean
        y_RN -= mean
        weighted_RN = counts_RN * x_RN
        return _ratio(
            (weighted_RN * y_RN).sum(axis=1),
            (weighted_RN * x_RN).sum(axis=1),
            (counts_RN * y_RN**2).sum(axis=1),
        )

    def kendall(self, counts_RN: Floats) -> Floats:
        """Kendall's tau-b."""
        agreeing_R = self._signed(counts_RN, counts_RN, _PLAIN)
        untied = [
            self.num_pairs**2 - (each.totals(counts_RN) ** 2).sum(axis=1)
            for each in (self._x, self._y)
        ]
        return _ratio(agreeing_R, *untied)

    def weighted_kendall(self, counts_RN: Floats) -> Floats:
        """Vigna's weighted tau, hyperbolic and additive, mean of both directions."""
        by_score_R = self._weighted_kendall(counts_RN, _BY_SCORE)
        mean_R: Floats = (by_score_R + self._weighted_kendall(counts_RN, _BY_TRUTH)) / 2
        return mean_R

    def overlap(self, counts_RN: Floats, k: int, rng: np.random.Generator) -> Floats:
        """Share of the k best by score among the k best by truth, ties broken at random."""
        taken = [_taken(counts_RN, each.falling(rng), k) for each in (self._x, self._y)]
        overlap_R: Floats = np.minimum(*taken).sum(axis=1) / k
        return overlap_R

    def expected_overlap(self, k: int) -> float:
        """The same for the pairs themselves, as the mean over all ways to break ties."""
        shares = [each.shares_of_best(k) for each in (self._x, self._y)]
        return float((shares[0] * shares[1]).sum() / k)

    def regret(self, counts_RN: Floats, k: int, rng: np.random.Generator) -> Floats:
        """Best truth less the best truth of the k best by score, ties broken at random."""
        taken_RN = _taken(counts_RN, self._x.falling(rng), k)
        best_R: Floats = np.where(counts_RN > 0, self._truth_N, -np.inf).max(axis=1)
        chosen_R: Floats = np.where(taken_RN > 0, self._truth_N, -np.inf).max(axis=1)
        return best_R - chosen_R

    def expected_regret(self, k: int) -> float:
        """The same for the pairs themselves, as the mean over all ways to break ties."""
        shares_N = self._x.shares_of_best(k)
        sure = self._truth_N[shares_N == 1].max(initial=-np.inf)
        tied = np.sort(self._truth_N[(shares_N > 0) & (shares_N < 1)])[::-1]
        chosen = _expected_best(np.maximum(tied, sure), k - int((shares_N == 1).sum()))
        return float(self._truth_N.max() - (chosen if len(tied) else sure))

    def _weighted_kendall(self, counts_RN: Floats, weighting: int) -> Floats:
        w_RN = _hyperbolic(counts_RN, self._orders[weighting])
        agreeing_R = self._signed(w_RN, counts_RN, weighting)
        total_R = w_RN.sum(axis=1) * (self.num_pairs - 1)
        untied = [
            total_R - ((each.totals(counts_RN) - 1) * each.totals(w_RN)).sum(axis=1)
            for each in (self._x, self._y)
        ]
        return _ratio(agreeing_R, *untied)

    @cached_property
    def _orders(self) -> dict[int, Places]:
        """From best to worst by score and by truth, ties in the order of the other."""
        x_N, y_N = self._x.groups_N, self._y.groups_N
        return {_BY_SCORE: np.lexsort((y_N, x_N))[::-1], _BY_TRUTH: np.lexsort((x_N, y_N))[::-1]}

    def _signed(self, w_RN: Floats, counts_RN: Floats, weighting: int) -> Floats:
        """Sum over i and j of ``w_i counts_j s_ij``; s_ij is 1 where pairs agree, else -1 or 0.

        For many pairs, to first order around counts of 1 and the weights that go with them.
        """
        if self.num_pairs <= EXACT_PAIRS:
            exact_R: Floats = np.einsum("rn,rn->r", w_RN, counts_RN @ self._signs_NN)
            return exact_R
        first_order_R: Floats = w_RN @ self._sums_KN[_PLAIN]
        first_order_R += (counts_RN - 1) @ self._sums_KN[weighting]
        return first_order_R

    @cached_property
    def _signs_NN(self) -> Floats:
        x_N, y_N = self._x.groups_N, self._y.groups_N
        scores_NN, truths_NN = np.sign(x_N[:, None] - x_N), np.sign(y_N[:, None] - y_N)
        signs_NN: Floats = np.multiply(scores_NN, truths_NN, dtype=np.float64)
        return signs_NN

    @cached_property
    def _sums_KN(self) -> Floats:
        """Sum over i of ``weight_i s_ij`` for each j, with each of the three weightings."""
        ones_1N = np.ones((1, self.num_pairs))
        weights = [_hyperbolic(ones_1N, self._orders[each]) for each in (_BY_SCORE, _BY_TRUTH)]
        weights_KN = np.concatenate([ones_1N, *weights])
        x_N, y_N = self._x.groups_N, self._y.groups_N
        agreeing_KN = _sum_below(x_N, y_N, weights_KN) + _sum_below(-x_N, -y_N, weights_KN)
        return agreeing_KN - _sum_below(x_N, -y_N, weights_KN) - _sum_below(-x_N, y_N, weights_KN)


def resamples(num_pairs: int, num_resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Counts of bootstrap resamples, some at a time."""
    for start in range(0, num_resamples, CHUNK):
        size = min(CHUNK, num_resamples - start)
        drawn_RN = rng.integers(num_pairs, size=(size, num_pairs))
        drawn_RN += num_pairs * np.arange(size)[:, None]
        counts = np.bincount(drawn_RN.ravel(), minlength=size * num_pairs)
        yield counts.reshape(size, num_pairs).astype(np.float64)


def _ratio(numerator_R: Floats, a_R: Floats, b_R: Floats) -> Floats:
    """Numerator over the root of the product; nan where that is zero, as for equal scores."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio_R: Floats = numerator_R / np.sqrt(a_R * b_R)
    return np.where((a_R > 0) & (b_R > 0), ratio_R, np.nan)


def _hyperbolic(counts_RN: Floats, order_N: Places) -> Floats:
    """Sum of 1 / (rank + 1) over the copies of each pair, ranked in this order."""
    harmonic = np.concatenate([[0.0], (1 / np.arange(1, counts_RN.shape[1] + 1)).cumsum()])
    sorted_RN = counts_RN[:, order_N].astype(np.int64)
    ends_RN = sorted_RN.cumsum(axis=1)
    w_RN = np.empty_like(counts_RN)
    w_RN[:, order_N] = harmonic[ends_RN] - harmonic[ends_RN - sorted_RN]
    return w_RN


def _taken(counts_RN: Floats, falling_N: Places, k: int) -> Floats:
    """How many copies of each pair are among the first k of this order."""
    sorted_RN = counts_RN[:, falling_N]
    above_RN = sorted_RN.cumsum(axis=1) - sorted_RN
    taken_RN = np.empty_like(counts_RN)
    taken_RN[:, falling_N] = np.clip(k - above_RN, 0, sorted_RN)
    return taken_RN


def _expected_best(falling: Floats, num_drawn: int) -> float:
    """Expected largest of some of these numbers, drawn without replacement."""
    expected, num = 0.0, len(falling)
    probability = num_drawn / num if num else 0.0  # that the first one is drawn
    for place, value in enumerate(falling, 1):
        if probability == 0:
            break
        expected += probability * float(value)
        probability *= (num - place - num_drawn + 1) / (num - place) if num > place else 0
    return expected


def _sum_below(x_N: Places, y_N: Places, weights_KN: Floats) -> Floats:
    """For each pair the sum of the weights of those with both a lower x and a lower y.

    Pairs stand in the order of x. Blocks of 1, 2, 4, ... of them are merged two by two; at each
    merge those on the right collect from those on the left.
    """
    order_N = np.lexsort((-y_N, x_N))  # of equal x the higher y first: it collects nothing
    y_N = y_N[order_N] - y_N.min()
    place_N = np.arange(len(y_N))
    sorted_KN = weights_KN[:, order_N]
    sums_KN = np.zeros_like(sorted_KN)
    for level in range(len(y_N).bit_length()):
        is_left_N = (place_N >> level) % 2 == 0
        key_N = ((place_N >> (level + 1)) * (y_N.max() + 1) + y_N) * 2 + is_left_N
        merged_N = np.argsort(key_N, kind="stable")
        left_KN = np.where(is_left_N[merged_N], sorted_KN[:, merged_N], 0)
        before_KN = left_KN.cumsum(axis=1)
        starts_N = (place_N >> (level + 1)) << (level + 1)  # blocks stay where they are
        from_blocks_before_KN = np.concatenate([np.zeros((len(left_KN), 1)), before_KN], axis=1)
        collected_KN = before_KN - from_blocks_before_KN[:, starts_N]
        sums_KN[:, merged_N] += np.where(is_left_N[merged_N], 0, collected_KN)
    result_KN = np.empty_like(sums_KN)
    result_KN[:, order_N] = sums_KN
    return result_KN
