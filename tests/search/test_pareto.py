import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from search import pareto

DATA = Path(__file__).parents[3] / "shared" / "data"
DOWN = ("minimize", "minimize")
DIRECTIONS = {
    1: ("maximize",),
    2: ("minimize", "maximize"),
    3: ("maximize", "minimize", "maximize"),
}

grid = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, np.nan])
points = st.integers(1, 3).flatmap(
    lambda m: npst.arrays(float, st.tuples(st.integers(1, 30), st.just(m)), elements=grid)
)


def dominates(first, second, directions):
    signs = np.array([-1 if d == "maximize" else 1 for d in directions])
    a, b = first * signs, second * signs
    return bool((a <= b).all() and (a < b).any())


def brute_front(values, directions):
    known = np.isfinite(values).all(axis=1)
    return [
        known[i]
        and not any(known[j] and dominates(values[j], v, directions) for j in range(len(values)))
        for i, v in enumerate(values)
    ]


def grid_volume(values, directions):
    """Unit cells of a grid of halves from the reference (4, 4, ...) that some point dominates."""
    signs = np.array([-1 if d == "maximize" else 1 for d in directions])
    known = values[np.isfinite(values).all(axis=1)] * signs
    axis = np.arange(-4, 4, 0.5)
    cells = np.stack(np.meshgrid(*[axis] * values.shape[1]), -1).reshape(-1, values.shape[1])
    covered = np.zeros(len(cells), dtype=bool)
    for point in known:
        covered |= (point <= cells).all(axis=1)
    return covered.sum() * 0.5 ** values.shape[1]


@given(points)
def test_front_is_what_comparing_all_pairs_gives(values):
    directions = DIRECTIONS[values.shape[1]]

    assert pareto.front(values, directions).tolist() == brute_front(values, directions)


@given(points)
def test_ranks_peel_front_after_front(values):
    directions = DIRECTIONS[values.shape[1]]
    expected, left, rank = np.zeros(len(values), dtype=int), values.copy(), 0
    while np.isfinite(left).all(axis=1).any():
        on_front = np.array(brute_front(left, directions))
        expected[on_front], left[on_front], rank = rank, np.nan, rank + 1
    expected[~np.isfinite(values).all(axis=1)] = rank

    assert pareto.ranks(values, directions).tolist() == expected.tolist()


@settings(deadline=None)
@given(points)
def test_hypervolume_is_the_dominated_part_of_a_grid(values):
    directions = DIRECTIONS[values.shape[1]]
    reference = [-4.0 if d == "maximize" else 4.0 for d in directions]

    volume = pareto.hypervolume(values, directions, reference)

    assert volume == pytest.approx(grid_volume(values, directions))


@settings(deadline=None)
@given(points)
def test_history_is_the_hypervolume_of_every_beginning(values):
    directions = DIRECTIONS[values.shape[1]]
    reference = [-2.5 if d == "maximize" else 2.5 for d in directions]

    history = pareto.hypervolume_history(values, directions, reference)

    expected = [
        pareto.hypervolume(values[: n + 1], directions, reference) for n in range(len(values))
    ]
    assert history.tolist() == pytest.approx(expected)


def test_hypervolume_of_three_points():
    assert pareto.hypervolume([(1, 3), (2, 2), (3, 1)], DOWN, (4, 4)) == pytest.approx(6)


def test_points_beyond_the_reference_have_no_volume():
    assert pareto.hypervolume([(1, 5), (4, 1)], DOWN, (4, 4)) == 0


def test_fronts_of_five_points():
    values = [(1, 3), (2, 2), (3, 1), (3, 3), (2, 4)]

    assert pareto.ranks(values, DOWN).tolist() == [0, 0, 0, 1, 1]


def test_infinite_values_are_missing():
    values = [(-np.inf, 0.0), (1.0, 1.0), (np.nan, 0.0)]

    assert pareto.front(values, DOWN).tolist() == [False, True, False]
    assert pareto.ranks(values, DOWN).tolist() == [1, 0, 1]


def test_crowding_distance_of_three_points():
    distances = pareto.crowding_distance([(1, 3), (2, 2), (3, 1)])

    assert distances.tolist() == [np.inf, 2.0, np.inf]


def test_a_constant_objective_adds_no_distance():
    distances = pareto.crowding_distance([(1, 7), (2, 7), (4, 7)])

    assert distances.tolist() == [np.inf, 1.0, np.inf]


def test_crowding_distance_of_equal_points_is_zero():
    assert pareto.crowding_distance([(1, 1), (1, 1)]).tolist() == [0, 0]


def test_knee_bulges_towards_the_better_side():
    assert pareto.knee([(1, 3), (1.2, 1.2), (2.9, 2.9), (3, 1)], DOWN) == 1


def test_knee_respects_directions():
    assert pareto.knee([(1, 1), (1.2, 2.8), (3, 3)], ("minimize", "maximize")) == 1


def test_knee_of_one_point_is_that_point():
    assert pareto.knee([(np.nan, 1), (2, 3)], DOWN) == 1


def test_knee_needs_a_point():
    with pytest.raises(ValueError, match="at least one point"):
        pareto.knee(np.empty((0, 2)), DOWN)


def test_reference_lies_a_tenth_beyond_the_worst():
    reference = pareto.default_reference(
        [(0, 90), (10, 80), (5, np.nan)], ("minimize", "maximize")
    )

    assert reference.tolist() == [11, 79]


def test_reference_of_equal_values_lies_one_beyond():
    assert pareto.default_reference([(3, 4), (3, 5)], DOWN).tolist() == [4, 5.1]


def test_reference_lies_beyond_values_that_one_does_not_change():
    values = [(7e49, 1e17), (7e49, 1e17 + 16)]

    reference = pareto.default_reference(values, ("maximize", "minimize"))

    assert reference[0] < 7e49
    assert reference[1] > 1e17 + 16


def test_no_points_have_an_empty_front_and_no_volume():
    assert pareto.front([], DOWN).tolist() == []
    assert pareto.ranks([], DOWN).tolist() == []
    assert pareto.hypervolume([], DOWN, (1, 1)) == 0
    assert pareto.hypervolume_history([], DOWN, (1, 1)).tolist() == []


def test_values_must_fit_the_directions():
    with pytest.raises(ValueError, match="do not fit 2 directions"):
        pareto.front([(1, 2, 3)], DOWN)


def test_unknown_direction_is_refused():
    with pytest.raises(ValueError, match="not 'up'"):
        pareto.front([(1,)], ("up",))


@pytest.fixture(scope="module")
def table():
    path, seeds = DATA / "nb201.csv.gz", DATA / "nb201_seeds.csv.gz"
    if not path.exists() or not seeds.exists():
        pytest.skip("the published tables ../shared/data/nb201*.csv.gz are absent")
    with gzip.open(path, "rt") as file, gzip.open(seeds, "rt") as more:
        rows = {int(row["index"]): row for row in csv.DictReader(file)}
        for row in csv.DictReader(more):
            rows[int(row["index"])].update(row)
    return [rows[number] for number in sorted(rows)]


@pytest.mark.parametrize(
    ("column", "num_points", "volume"),
    [
        ("cifar10_valid_oneseed", 14, 123.285466),
        ("cifar100_valid_oneseed", 13, 94.255560),
        ("cifar10_test", 13, 127.686052),
    ],
)
def test_front_of_the_published_table(table, column, num_points, volume):
    values = np.array([(int(row["params"]) / 1e6, 100 - float(row[column])) for row in table])

    on_front = pareto.front(values, DOWN)

    assert len(np.unique(values[on_front], axis=0)) == num_points
    assert pareto.hypervolume(values, DOWN, (1.6, 90)) == pytest.approx(volume, abs=1e-5)


def test_history_of_a_long_search_ends_with_the_volume_of_its_front():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(100_000, 2))

    history = pareto.hypervolume_history(values, DOWN, (3, 3))

    assert history[-1] == pytest.approx(pareto.hypervolume(values, DOWN, (3, 3)))
