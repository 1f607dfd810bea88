"""What aggregates make of scores: toy cases, ties, and what holds for every one of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from search.aggregates import aggregates, combination_of, ranks
from search.aggregates.majority_vote import MAX_PAIRS
from search.aggregation import aggregate, possible
from search.correlation import Column
from search.errors import SpecError

NAN = float("nan")


@pytest.fixture(params=list(aggregates))
def name(request):
    return request.param


def columns_for(name, values_NK):
    components = combination_of(aggregates[name]).components
    names = components or [f"m{place}" for place in range(values_NK.shape[1])]
    assert len(names) <= values_NK.shape[1]
    return {each: Column.of(values_NK[:, place]) for place, each in enumerate(names)}


def az_ranks(*of_two):
    """Ten archs whose first two have these ranks in the four parts."""
    values_NK = np.empty((10, 4))
    for part in range(4):
        first, second = (ranks_of[part] for ranks_of in of_two)
        others = [rank for rank in range(1, 11) if rank not in (first, second)]
        values_NK[:, part] = [first, second, *others]
    return columns_for("az_nas", values_NK)


def test_az_nas_prefers_the_balanced_to_the_one_that_fails_in_a_part():
    found = aggregate("az_nas", az_ranks((10, 10, 10, 1), (7, 7, 7, 7))).values_N

    assert found[0] == pytest.approx(-2.302585, abs=5e-7)
    assert found[1] == pytest.approx(-1.426700, abs=5e-7)


def test_rank_sum_prefers_the_one_that_fails_in_a_part():
    found = aggregate("rank_sum", az_ranks((10, 10, 10, 1), (7, 7, 7, 7))).values_N

    assert found[:2].tolist() == [31, 28]


def test_te_nas_takes_a_low_condition_number_for_good():
    columns = {
        "ntk_condition_number": Column.of([10.0, 20.0, 30.0], "minimize"),
        "linear_regions": Column.of([5.0, 7.0, 6.0]),
    }

    assert aggregate("te_nas", columns).values_N.tolist() == [4, 5, 3]


def test_majority_vote_counts_pairs_that_two_of_three_decide():
    columns = {
        "synflow": Column.of([3.0, 2.0, 1.0]),
        "jacob_cov": Column.of([2.0, 3.0, 1.0]),
        "snip": Column.of([3.0, 2.0, 9.0]),
    }

    assert aggregate("majority_vote", columns).values_N.tolist() == [1.0, 0.5, 0.0]


def test_majority_vote_in_a_circle_is_a_tie():
    columns = {
        "synflow": Column.of([3.0, 2.0, 1.0]),
        "jacob_cov": Column.of([1.0, 3.0, 2.0]),
        "snip": Column.of([2.0, 1.0, 3.0]),
    }

    assert aggregate("majority_vote", columns).values_N.tolist() == [0.5, 0.5, 0.5]


def test_majority_vote_of_many_meets_a_part_of_the_others():
    num = int(MAX_PAIRS**0.5) * 2
    climbing = np.arange(num, dtype=float)

    found = aggregates["majority_vote"](np.stack([climbing] * 3, axis=1))

    assert found[-1] == 1
    assert found[0] == 0
    assert found[num // 2] == pytest.approx(0.5, abs=1e-3)


def test_geometric_mean_of_ranks_is_one_for_the_best_in_everything():
    columns = {"a": Column.of([1.0, 2.0, 4.0]), "b": Column.of([5.0, 1.0, 7.0])}

    found = aggregate("geometric_mean", columns).values_N

    assert found[2] == pytest.approx(1)
    assert found[0] == pytest.approx(math.sqrt(1 / 3 * 2 / 3))


@pytest.mark.parametrize("size", [1e-300, 1e200])
def test_z_scores_do_not_depend_on_the_unit(size):
    columns = columns_for("z_score_sum", np.array([[1.0], [2.0], [3.0]]) * size)

    found = aggregate("z_score_sum", columns).values_N

    np.testing.assert_allclose(found, [-(1.5**0.5), 0, 1.5**0.5], atol=1e-12)


def test_z_scores_are_added():
    columns = {"a": Column.of([1.0, 3.0]), "b": Column.of([10.0, 10.0])}

    assert aggregate("z_score_sum", columns).values_N.tolist() == [-1, 1]


def test_weights_decide():
    columns = {"a": Column.of([1.0, 2.0]), "b": Column.of([2.0, 1.0])}

    assert aggregate("weighted", columns).values_N.tolist() == [0.75, 0.75]
    found = aggregate("weighted", columns, params={"weights": [1, 0]}).values_N
    assert found.tolist() == [0.5, 1]


@pytest.mark.parametrize("weights", [[1], [0, 0]])
def test_weights_that_do_not_fit_are_refused(weights):
    columns = {"a": Column.of([1.0, 2.0]), "b": Column.of([2.0, 1.0])}

    with pytest.raises(ValueError, match="weight"):
        aggregate("weighted", columns, params={"weights": weights})


def test_a_negative_weight_is_refused():
    columns = {"a": Column.of([1.0, 2.0])}

    with pytest.raises(SpecError):
        aggregate("weighted", columns, params={"weights": [-1]})


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, -math.inf]), min_size=1, max_size=12))
def test_ranks_are_those_of_scipy(values):
    assert ranks(np.array(values)[:, None])[:, 0].tolist() == rankdata(values).tolist()


def test_equal_archs_are_equal(name):
    values_NK = np.tile(np.random.default_rng(0).normal(size=(6, 4)), (2, 1))

    found = aggregate(name, columns_for(name, values_NK)).values_N

    np.testing.assert_allclose(found[:6], found[6:])


def test_better_in_everything_is_better(name):
    values_NK = np.random.default_rng(0).normal(size=(9, 4))
    values_NK[4] = values_NK.max(axis=0) + 1

    assert aggregate(name, columns_for(name, values_NK)).values_N.argmax() == 4


def test_direction_of_a_component_is_heeded(name):
    columns = columns_for(name, np.random.default_rng(0).normal(size=(9, 4)))
    mirrored = {key: Column(-c.values_N, c.statuses_N, "minimize") for key, c in columns.items()}

    found, same = aggregate(name, columns), aggregate(name, mirrored)

    np.testing.assert_allclose(found.values_N, same.values_N)


def test_what_is_undefined_goes_to_the_bottom_or_is_left_out(name):
    values_NK = np.random.default_rng(0).normal(size=(9, 4))
    values_NK[0] = NAN
    columns = columns_for(name, values_NK)

    bottom = aggregate(name, columns)
    left_out = aggregate(name, columns, undefined="left_out")

    assert bottom.values_N[0] <= bottom.values_N[1:].min()
    assert bottom.statuses_N[0] == "ok"
    assert np.isnan(left_out.values_N[0])
    assert left_out.statuses_N[0] == "undefined"
    alone = aggregate(name, {key: Column.of(c.values_N[1:]) for key, c in columns.items()})
    np.testing.assert_allclose(left_out.values_N[1:], alone.values_N)


def test_an_arch_without_all_components_is_not_part_of_the_population(name):
    columns = columns_for(name, np.random.default_rng(0).normal(size=(9, 4)))
    first = next(iter(columns))
    statuses = ["failed", "not_applicable", *["ok"] * 7]
    columns[first] = Column(columns[first].values_N, statuses)

    found = aggregate(name, columns)

    assert list(found.statuses_N) == statuses
    assert np.isnan(found.values_N[:2]).all()


def test_a_missing_component_is_named():
    with pytest.raises(ValueError, match="te_nas needs linear_regions"):
        aggregate("te_nas", {"ntk_condition_number": Column.of([1.0, 2.0])})


def test_what_can_be_made_depends_on_the_metrics():
    found = possible({"cond": "ntk_condition_number", "regions": "linear_regions"})

    assert found["te_nas"] == {"ntk_condition_number": "cond", "linear_regions": "regions"}
    assert "az_nas" not in found
    assert found["rank_sum"] == {"cond": "cond", "regions": "regions"}


def test_one_metric_is_no_aggregate():
    assert possible({"nwot": "nwot"}) == {}


def test_every_aggregate_says_where_it_comes_from(name):
    assert combination_of(aggregates[name]).source
