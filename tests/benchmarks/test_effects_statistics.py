"""What paired differences are said to show."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.effects.statistics import interval, seen

DIFFERENCES = st.lists(st.floats(-1, 1), max_size=4)


def test_three_seeds_span_their_differences():
    assert interval([0.3, 0.1, 0.2]) == pytest.approx((0.1, 0.3))


def test_more_seeds_give_the_percentiles_of_all_resamples():
    differences = [0.1, 0.2, 0.3, 0.4, 1.0]
    drawn = np.random.default_rng(1).choice(differences, (200_000, 5)).mean(1)

    found = interval(differences)

    assert found == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.03)


def test_many_seeds_are_resampled_at_random():
    low, high = interval(np.random.default_rng(0).normal(1, 1, 40).tolist())

    assert 0.4 < low < 1 < high < 1.6


@pytest.mark.parametrize("differences", [[], [1.0], [1.0, 1.0]])
def test_two_seeds_decide_nothing(differences):
    assert interval(differences) is None
    assert seen(differences) == "not decided"


@given(DIFFERENCES, st.sampled_from(["comparison", "bound"]))
def test_an_interval_with_0_in_it_is_never_seen(differences, kind):
    found = interval(differences)
    is_open = found is None or found[0] <= 0 <= found[1]

    assert (seen(differences, kind) == "not decided") == is_open


@pytest.mark.parametrize(
    ("differences", "kind", "word"),
    [
        ([0.1, 0.2, 0.3], "comparison", "seen"),
        ([0.1, 0.2, 0.3], "bound", "seen"),
        ([-0.1, -0.2, -0.3], "comparison", "opposite"),
        ([-0.1, -0.2, -0.3], "bound", "not seen"),
        ([-0.01, 0.2, 0.3], "comparison", "not decided"),
        ([0.0, 0.0, 0.0], "comparison", "not decided"),
    ],
)
def test_the_side_of_the_interval_decides(differences, kind, word):
    assert seen(differences, kind) == word
