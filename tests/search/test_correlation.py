import csv
import gzip
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr, weightedtau

from search._resampled_ranks import EXACT_PAIRS, RankedPairs, resamples
from search.correlation import (
    Column,
    Coverage,
    Estimate,
    agreement,
    pairwise,
    probability_to_surpass,
)

SHARED = Path(__file__).parents[3] / "shared" / "data"
NAN = float("nan")
with_published_scores = pytest.mark.skipif(
    not SHARED.exists(), reason="the published scores of ../shared/data are not here"
)


def agree(scores, truth, **settings):
    """Agreement of two lists, without intervals unless asked for."""
    rng = np.random.default_rng(0)
    return agreement(
        Column.of(scores), Column.of(truth), **{"rng": rng, "num_resamples": 0, **settings}
    )


def test_two_swaps_in_five():
    found = agree([1, 3, 2, 5, 4], [1, 2, 3, 4, 5]).everything

    assert found.spearman.value == pytest.approx(0.8)
    assert found.kendall.value == pytest.approx(0.6)
    assert found.weighted_kendall.value == pytest.approx(0.5437956, abs=1e-7)


def test_ties_on_both_sides():
    found = agree([1, 2, 3, 3], [1, 2, 2, 3]).everything

    assert found.spearman.value == pytest.approx(0.8333333, abs=1e-7)
    assert found.kendall.value == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("scores", "truth", "reason"),
    [
        ([7, 7, 7], [1, 2, 3], "all scores are equal"),
        ([1, 2, 3], [0, 0, 0], "all truths are equal"),
    ],
)
def test_what_is_constant_has_no_figures_but_a_reason(scores, truth, reason):
    found = agree(scores, truth, k=1)

    none = Estimate(None, reason=reason)
    assert found.everything.kendall == found.everything.spearman == found.regret_at_k == none


@pytest.mark.parametrize(
    ("scores", "truth"), [([1, NAN], [1, 2]), ([1, NAN], [NAN, 2]), ([1], [1]), ([], [])]
)
def test_fewer_than_two_common_archs_are_refused(scores, truth):
    with pytest.raises(ValueError, match=r"\d of \d architectures have both .* at least two"):
        agree(scores, truth)


def test_columns_of_different_archs_are_refused():
    with pytest.raises(ValueError, match="2 scores cannot belong to 3 truths"):
        agree([1, 2], [1, 2, 3])


def is_not_constant(values):
    return len(set(values)) > 1


vectors = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        *[st.lists(st.integers(0, 9), min_size=n, max_size=n).filter(is_not_constant)] * 2
    )
)


@given(vectors)
@settings(deadline=None)
def test_figures_are_those_of_scipy(vectors):
    found = agree(*vectors).everything

    theirs = [f(*vectors).statistic for f in (spearmanr, kendalltau, weightedtau)]
    ours = [found.spearman.value, found.kendall.value, found.weighted_kendall.value]
    assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("num_values", [12, 10**9])
@pytest.mark.parametrize(("num_pairs", "tolerance"), [(200, 1e-12), (EXACT_PAIRS + 1, 3e-3)])
@pytest.mark.parametrize(
    ("name", "reference"),
    [("spearman", spearmanr), ("kendall", kendalltau), ("weighted_kendall", weightedtau)],
)
def test_resamples_are_those_of_scipy(name, reference, num_pairs, tolerance, num_values):
    rng = np.random.default_rng(5)
    x_N = rng.integers(num_values, size=num_pairs)
    y_N = x_N + rng.integers(num_values, size=num_pairs)
    counts_RN = next(resamples(num_pairs, 3, rng))
    copies = [np.repeat(np.arange(num_pairs), counts_N.astype(int)) for counts_N in counts_RN]

    values_R = getattr(RankedPairs(x_N, y_N), name)(counts_RN)

    theirs = [reference(x_N[chosen], y_N[chosen]).statistic for chosen in copies]
    np.testing.assert_allclose(values_R, theirs, atol=tolerance)


def test_intervals_hold_the_true_value_about_as_often_as_they_say():
    rng = np.random.default_rng(6)
    truth = 2 / np.pi * np.arcsin(0.6)  # Kendall's tau of normals with this correlation

    normals_KN2 = rng.standard_normal((120, 60, 2)) @ np.array([[1, 0.6], [0, 0.8]])
    found = [agree(*pairs.T, rng=rng, num_resamples=200).everything for pairs in normals_KN2]

    hits = sum(each.kendall.low <= truth <= each.kendall.high for each in found)
    assert 105 <= hits <= 119


def test_equal_seeds_give_equal_intervals():
    truth = np.arange(50.0)
    scores = truth + 20 * np.sin(7 * truth)

    first, second = (
        agree(scores, truth, rng=np.random.default_rng(3), num_resamples=100) for _ in range(2)
    )

    assert first == second
    assert first.everything.spearman.low < first.everything.spearman.value
    assert first.everything.spearman.value < first.everything.spearman.high
    assert first.regret_at_k.low <= first.regret_at_k.value <= first.regret_at_k.high


def test_undefined_scores_are_dropped_or_rank_last_and_failed_ones_are_always_dropped():
    truth = Column.of([5, 4, 3, 2, 1])
    scores = Column(
        np.array([2.0, 1.0, NAN, NAN, NAN]), ["ok", "ok", "undefined", "failed", "not_applicable"]
    )
    rng = np.random.default_rng(0)

    dropped = agreement(scores, truth, rng=rng, num_resamples=0)
    last = agreement(scores, truth, rng=rng, num_resamples=0, undefined="rank_last")

    assert dropped.coverage == last.coverage == Coverage(2, 1, 1, 1)
    assert dropped.coverage.total == 5
    assert (dropped.everything.num_archs, last.everything.num_archs) == (2, 3)
    assert last.everything.spearman.value == 1


def test_direction_of_either_side_is_heeded():
    errors = Column.of([0.3, 0.2, 0.1], "minimize")
    rng = np.random.default_rng(0)

    found = agreement(Column.of([1, 2, 3]), errors, rng=rng, k=1, num_resamples=0)

    assert found.everything.kendall.value == pytest.approx(1)
    assert found.regret_at_k.value == 0


def test_picks_of_a_score_that_confuses_first_and_third():
    truth = [9.0, 8.0, 7.0, 1.0, 0.0]
    found = agree([3, 4, 5, 1, 0], truth, k=2)

    assert found.precision_at_k.value == 0.5
    assert found.regret_at_k.value == 1
    assert found.top_overlap.value == 0


def test_ties_are_broken_at_random_in_expectation():
    found = agree([1, 1, 1, 0], [4, 3, 2, 1], k=2)

    assert found.precision_at_k.value == pytest.approx(2 / 3)  # each of three is picked by 2/3
    assert found.regret_at_k.value == pytest.approx(1 / 3)  # the best is missed by 1/3


def test_picking_everything_says_nothing():
    found = agree([1, 2, 3], [1, 2, 3], k=3)

    assert found.precision_at_k.value is None
    assert found.precision_at_k.reason


def test_best_tenth_with_one_arch_has_a_reason_instead_of_figures():
    top = agree(range(10), range(10)).top

    assert top.num_archs == 1
    assert top.kendall == Estimate(None, reason="fewer than two of the best tenth have a score")


def test_scores_agree_with_each_other_over_what_both_have():
    columns = {
        "up": Column.of([1, 2, 3, NAN]),
        "down": Column.of([3, 2, 1, 0], "minimize"),
        "flat": Column.of([1, 1, 1, 1]),
    }

    found = pairwise(columns)

    assert found.names == ("up", "down", "flat")
    assert found.spearman[0][1] == found.spearman[1][0] == pytest.approx(1)
    assert found.spearman[2] == (None, None, None)
    assert found.num_common[0] == (3, 3, 3)


def test_probability_to_surpass_counts_ties_as_half():
    assert probability_to_surpass([2, 3], [1, 2]).value == pytest.approx(0.875)
    assert probability_to_surpass([2, 3], [1, 2], direction="minimize").value == 0.125


def test_winning_every_pair_of_few_runs_is_not_certainty():
    few = probability_to_surpass([2, 3, 4], [0, 1, 1])
    many = probability_to_surpass(range(100, 130), range(30))

    assert few.value == many.value == few.high == 1
    assert few.low < 0.6
    assert 0.85 < many.low < 1


def test_interval_of_the_probability_holds_it_about_as_often_as_it_says():
    rng = np.random.default_rng(8)
    truth = 0.7602  # of one standard deviation between two normals

    found = [
        probability_to_surpass(rng.normal(1, 1, 10), rng.normal(0, 1, 12)) for _ in range(300)
    ]

    hits = sum(each.low <= truth <= each.high for each in found)
    assert 0.92 <= hits / 300 <= 0.99


@pytest.mark.parametrize(("results", "control"), [([], [1]), ([1], []), ([NAN], [1])])
def test_samples_that_cannot_be_compared_are_refused(results, control):
    with pytest.raises(ValueError, match="compare"):
        probability_to_surpass(results, control)


@cache
def published():
    """Scores by name, and the accuracy, of all cells of NAS-Bench-201 on CIFAR-10."""
    with gzip.open(SHARED / "nb201.csv.gz", "rt") as lines:
        table = {row["index"]: row for row in csv.DictReader(lines)}
    with gzip.open(SHARED / "nb201_proxies.csv.gz", "rt") as lines:
        rows = [{**table[row["index"]], **row} for row in csv.DictReader(lines)]
    return {
        name: np.array([float(row[name] or "nan") for row in rows])
        for name in rows[0]
        if name.startswith("cifar10") or name == "params"
    }


@with_published_scores
@pytest.mark.parametrize(
    ("name", "spearman", "kendall", "top_spearman"),
    [
        ("cifar10_nwot", 0.785, 0.596, -0.05),
        ("cifar10_synflow", 0.779, 0.583, 0.28),
        ("cifar10_snip", 0.639, 0.473, -0.22),
        ("params", 0.752, 0.577, 0.12),
        ("cifar10_epsinas", 0.869, 0.688, 0.49),
        ("cifar10_zen", None, None, 0.39),
    ],
)
def test_published_figures_come_out(name, spearman, kendall, top_spearman):
    found = agree(published()[name], published()["cifar10_test"])

    values = (found.everything.spearman.value, found.everything.kendall.value)
    expected = values if spearman is None else (spearman, kendall)
    assert values == pytest.approx(expected, abs=1e-3)
    assert found.top.spearman.value == pytest.approx(top_spearman, abs=0.005)


@with_published_scores
def test_published_epsinas_covers_three_fifths_and_says_nothing_when_undefined_ranks_last():
    scores, truth = published()["cifar10_epsinas"], published()["cifar10_test"]

    dropped, last = agree(scores, truth), agree(scores, truth, undefined="rank_last")

    assert dropped.coverage == Coverage(9_226, 6_399, 0, 0)
    assert dropped.everything.num_archs == 9_226
    assert dropped.top_overlap.value == pytest.approx(0.6706, abs=1e-3)
    assert last.everything.num_archs == 15_625
    assert last.everything.spearman.value == pytest.approx(0.005, abs=1e-3)


@with_published_scores
def test_interval_over_a_whole_space_is_narrow():
    found = agree(
        published()["cifar10_synflow"], published()["cifar10_test"], num_resamples=100
    ).everything

    assert 0.005 < found.kendall.high - found.kendall.low < 0.03
    assert found.weighted_kendall.low < found.weighted_kendall.value < found.weighted_kendall.high


@pytest.mark.parametrize("num", [2, 3, 4])
def test_few_archs_that_agree_are_no_certainty(num):
    column, rng = Column.of(range(num)), np.random.default_rng(0)

    found = agreement(column, column, rng=rng, k=1)

    assert found.everything.kendall.value == pytest.approx(1)
    assert found.everything.kendall.low is None
    assert found.everything.spearman.low is None
