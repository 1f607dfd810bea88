"""What random scores come to, held against draws and against cases that can be counted."""

from itertools import permutations

import numpy as np
import pytest

from search.chance import chance
from search.correlation import Column, agreement

FIGURES = ("top_overlap", "precision_at_k", "regret_at_k")


def truth_of(num, *, ties=False):
    values = np.random.default_rng(1).normal(90, 2, num)
    return Column.of(values.round(0) if ties else values)


def estimates(found):
    """Every figure by name."""
    scopes = {"": found.everything, "top ": found.top}
    names = ("spearman", "kendall", "weighted_kendall")
    told = {f"{at}{name}": getattr(each, name) for at, each in scopes.items() for name in names}
    return told | {name: getattr(found, name) for name in FIGURES}


def drawn(truth, num_draws, **params):
    """The same figures of so many draws, D for each."""
    rng = np.random.default_rng(2)
    rows = [
        estimates(
            agreement(
                Column.of(rng.random(len(truth.values_N))), truth, rng=rng, num_resamples=0,
                **params,
            )
        )
        for _ in range(num_draws)
    ]  # fmt: skip
    return {name: np.array([row[name].value for row in rows]) for name in rows[0]}


@pytest.fixture(scope="module", params=[False, True], ids=["no ties", "ties"])
def both(request):
    truth = truth_of(300, ties=request.param)
    found = chance(truth, rng=np.random.default_rng(0), k=20)
    return estimates(found), drawn(truth, 600, k=20)


def test_the_expectation_is_the_mean_of_draws(both):
    found, draws = both

    errors = {name: draws_D.std() / np.sqrt(len(draws_D)) for name, draws_D in draws.items()}

    means = {name: draws_D.mean() for name, draws_D in draws.items()}
    assert all(abs(found[name].value - means[name]) < 4 * errors[name] for name in found)


def test_the_interval_holds_95_per_cent_of_draws(both):
    """At least, where a figure takes few values; not much more of one that takes many."""
    found, draws = both

    held = {
        name: ((one.low <= draws[name]) & (draws[name] <= one.high)).mean()
        for name, one in found.items()
    }

    assert min(held.values()) > 0.92
    assert max(share for name, share in held.items() if "kendall" in name) < 0.98


def test_coefficients_have_the_spread_of_all_orders():
    values = [1.0, 2, 2, 3, 5, 5, 5]
    orders = [Column.of(order) for order in permutations(range(7))]
    truth, rng = Column.of(values), np.random.default_rng(0)
    taus = [
        agreement(order, truth, rng=rng, num_resamples=0, k=1).everything.kendall.value
        for order in orders
    ]

    kendall = chance(truth, rng=rng, k=1).everything.kendall

    assert kendall.value == 0
    assert kendall.high == pytest.approx(1.959964 * np.std(taus), rel=1e-6)


def test_one_of_four_picked_at_random():
    """The best with a chance of a quarter; it stays 0, 1, 2 or 3 behind, 1.5 in the mean."""
    found = chance(Column.of([1.0, 2, 3, 4]), rng=np.random.default_rng(0), k=1)

    assert (found.precision_at_k.value, found.regret_at_k.value) == pytest.approx((0.25, 1.5))
    assert (found.regret_at_k.low, found.regret_at_k.high) == (0, 3)
    assert (found.precision_at_k.low, found.precision_at_k.high) == (0, 1)


def test_lower_may_be_better():
    up, down = (
        chance(Column.of([1.0, 2, 3, 9], direction), rng=np.random.default_rng(0), k=2)
        for direction in ("maximize", "minimize")
    )

    assert up.regret_at_k.value == pytest.approx(19 / 6)  # 9 three times in six, 3 twice, 2 once
    assert down.regret_at_k.value == pytest.approx(4 / 6)


def test_nothing_is_drawn_where_no_interval_is_wanted():
    found = estimates(chance(truth_of(50), rng=None, has_intervals=False))

    assert {one.low for one in found.values()} == {None}
    assert found["spearman"].value == 0


def test_equal_truths_and_picks_of_everything_have_no_figure():
    rng = np.random.default_rng(0)

    equal, all_picked = chance(Column.of([1.0] * 30), rng=rng), chance(truth_of(10), rng=rng)

    assert equal.everything.spearman.reason == "all truths are equal"
    assert "no more architectures" in all_picked.regret_at_k.reason


def test_one_truth_is_too_few():
    with pytest.raises(ValueError, match="1 of 2 architectures have a truth"):
        chance(Column.of([1.0, np.nan]), rng=np.random.default_rng(0))
