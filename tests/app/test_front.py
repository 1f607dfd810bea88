from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as some_arrays

from app import front
from app.views import _search_front
from db.trials import TRIAL_STATES
from tests.app.points import X, Y, Z, cloud, columns_of

SMALL = some_arrays.arrays(
    np.float64,
    some.tuples(some.integers(1, 30), some.just(2)),
    elements=some.integers(0, 6).map(float),
)


def dominates(first, second):
    better = (first[0] <= second[0]) & (first[1] >= second[1])
    return better & ((first[0] < second[0]) | (first[1] > second[1]))


@settings(max_examples=60, deadline=None)
@given(SMALL)
def test_nothing_dominates_the_front(values):
    found = front.front(columns_of(values), X, Y)

    assert not any(dominates(other, values[row]) for row in found.rows_K for other in values)


def test_failed_and_infeasible_trials_are_never_on_the_front():
    values = np.array([[1.0, 9.0], [2.0, 5.0], [3.0, 6.0]])
    states = np.array([TRIAL_STATES.index(s) for s in ("infeasible", "done", "done")], np.int8)

    found = front.front(columns_of(values, states=states), X, Y)

    assert found.rows_K.tolist() == [1, 2]


def test_what_was_screened_only_is_neither_on_the_front_nor_counted():
    values = np.array([[1.0, 9.0], [2.0, 5.0], [3.0, 6.0]])
    states = np.array([TRIAL_STATES.index(s) for s in ("screened", "done", "done")], np.int8)
    columns = columns_of(values, states=states)

    found = front.front(columns, X, Y)
    shown = front.picture(columns, found)

    assert found.rows_K.tolist() == [1, 2]
    assert (shown.num_trials, shown.num_infeasible) == (2, 0)
    assert front.hypervolume_curve(columns, (X, Y), (4.0, 2.0)).trials_K.tolist() == [1, 2, 2]


def test_a_missing_value_is_never_on_the_front():
    found = front.front(columns_of(np.array([[np.nan, 99.0], [2.0, 5.0]])), X, Y)

    assert found.rows_K.tolist() == [1]


def test_the_front_goes_from_left_to_right():
    columns = cloud(500)

    x = columns.values[front.front(columns, X, Y).rows_K, 0]

    assert (np.diff(x) >= 0).all()


def test_every_trial_is_counted_once():
    columns = cloud(5000)
    columns.values[7, 0] = np.nan

    shown = front.picture(columns, front.front(columns, X, Y))

    assert shown.num_trials == 5000
    assert shown.num_missing == 1


def test_few_points_are_all_drawn_without_a_density():
    columns = cloud(300)

    shown = front.picture(columns, front.front(columns, X, Y))

    assert shown.density is None
    assert len(shown.dominated) == shown.num_dominated


def test_of_many_points_only_a_sample_is_drawn():
    columns = cloud(20_000)

    shown = front.picture(columns, front.front(columns, X, Y))

    assert len(shown.dominated) == front.MAX_POINTS
    assert np.nansum(10**shown.density.counts_YX) == pytest.approx(shown.num_dominated, rel=1e-4)


def test_points_that_were_drawn_stay_when_others_come():
    many = cloud(20_000)
    few = columns_of(many.values[:15_000])

    before = front.picture(few, front.front(few, X, Y)).dominated.numbers_K
    after = front.picture(many, front.front(many, X, Y)).dominated.numbers_K

    assert np.isin(after[after < 15_000], before).mean() > 0.99


def test_a_box_shows_more_of_what_is_in_it():
    columns = cloud(20_000)
    box = (1e7, 2e7, 900.0, 1100.0)

    shown = front.picture(columns, front.front(columns, X, Y), box=box)

    assert (shown.dominated.x_K >= 1e7).all()
    assert (shown.dominated.x_K <= 2e7).all()
    assert len(shown.dominated) == front.MAX_POINTS


def test_a_logarithmic_axis_leaves_out_what_is_not_positive():
    columns = columns_of(np.array([[-1.0, 1.0], [1.0, 2.0], [2.0, 1.5]]))

    shown = front.picture(columns, front.front(columns, X, Y), logarithmic=frozenset("x"))

    assert (shown.dominated.x_K > 0).all()


@pytest.mark.parametrize(
    ("upwards", "log", "axes"),
    [
        ([1.0, 2.0, 7e49, 3.0], "", "y"),
        ([1.0, 2.0, 7e49, 3.0], "y", ""),
        ([1.0, 2.0, 900.0, 3.0], "", ""),
        ([-1.0, -2.0, -7e49, 3.0], "", ""),
    ],
)
def test_an_axis_that_squeezes_most_points_into_its_end_is_named(upwards, log, axes):
    columns = columns_of(np.column_stack([[1.0, 2.0, 3.0, 4.0], upwards]))
    shown = front.picture(columns, front.front(columns, X, Y), logarithmic=frozenset(log))

    said = _search_front._squeezed(shown)

    assert ("at the end of" in said, f"end of {axes}:" in said) == (bool(axes), bool(axes))


def test_a_selected_trial_is_a_point_though_the_sample_left_it_out():
    columns = cloud(20_000)
    found = front.front(columns, X, Y)
    drawn = front.picture(columns, found).dominated.numbers_K
    left_out = int(np.setdiff1d(columns.numbers, drawn)[500])

    chosen = front.points_of(columns, found, [left_out, 99_999_999])

    assert chosen.numbers_K.tolist() == [left_out]


def test_a_trial_that_is_still_missing_is_no_point():
    columns = replace(cloud(3), numbers=np.array([0, 512, 513], np.int32))

    chosen = front.points_of(columns, front.front(columns, X, Y), [100, 512])

    assert chosen.numbers_K.tolist() == [512]


def test_limits_leave_the_best_that_meets_them():
    values = np.array([[1.0, 5.0, 3.0], [2.0, 9.0, 9.0], [3.0, 8.0, 2.0]])

    left = front.meeting(columns_of(values), {Z.place: (None, 4.0)}, Y)

    assert (left.num, left.best, left.value) == (2, 2, 8.0)


def test_limits_that_nothing_meets_leave_nothing():
    left = front.meeting(cloud(10), {X.place: (None, -1.0)}, Y)

    assert (left.num, left.best, left.value) == (0, None, None)


def test_the_hypervolume_of_one_point_is_its_rectangle():
    columns = columns_of(np.array([[2.0, 5.0]]))

    curve = front.hypervolume_curve(columns, (X, Y), (4.0, 2.0))

    assert curve.last == pytest.approx(6.0)


def test_the_hypervolume_never_falls():
    columns = cloud(3000)

    curve = front.hypervolume_curve(columns, (X, Y), front.reference_point(columns, (X, Y)))

    assert (np.diff(curve.volume_K) >= 0).all()
    assert len(curve.steps[1]) <= front.MAX_STEPS


def test_nothing_feasible_has_no_reference_point():
    assert front.reference_point(columns_of(np.full((3, 2), np.nan)), (X, Y)) is None


def test_the_best_so_far_only_gets_better():
    found = front.best_so_far(cloud(500), X)

    assert (np.diff(found.best_J) < 0).all()
    assert found.best_J[-1] == np.float32(cloud(500).values[:, 0].min())


def test_the_best_so_far_holds_until_the_last_trial():
    columns = columns_of(np.array([[3.0], [1.0], [2.0], [np.nan]]))

    found = front.best_so_far(columns, X)

    assert found.best == 1
    assert found.last == 3
    assert found.best_numbers_J.tolist() == [0, 1]


def test_nothing_scored_has_no_best():
    assert front.best_so_far(columns_of(np.full((3, 1), np.nan)), X).best is None


def test_values_are_of_the_trials_that_have_one():
    columns = columns_of(np.array([[3.0], [np.nan], [2.0]]))

    assert front.values_of(columns, X, (2, 1, 99)) == {2: 2.0}


def test_a_small_step_after_a_large_one_is_not_lost():
    columns = columns_of(np.array([[1e20], [30.0], [20.0], [20.0]]))

    found = front.best_so_far(columns, X)

    assert found.best_numbers_J.tolist() == [0, 1, 2]
    assert found.best_J[-1] == 20


def test_a_hypervolume_keeps_what_four_bytes_would_lose():
    columns = columns_of(np.array([[1.0, 2.0], [1.0, 2.0 + 1e-12]]))

    curve = front.hypervolume_curve(columns, (X, Y), (2.0, 0.0))

    assert curve.trials_K.tolist() == [1, 2, 2]
    assert curve.last == 2.0 + 1e-12


def test_a_limit_can_be_set_though_the_first_thousand_trials_are_alike():
    values = np.append(np.full(1000, 5.0), np.full(1000, 9.0))

    assert _search_front._stops(values)[[0, -1]].tolist() == [5, 9]
