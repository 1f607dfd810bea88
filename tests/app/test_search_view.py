import pytest
from hypothesis import given
from hypothesis import strategies as some

from app import search_view
from tests.app.points import X, Y, Z

MEASURES = (X, Y, Z)
NUMBERS = some.lists(some.integers(0, 10**6), max_size=search_view.MAX_SELECTED, unique=True)
BOUNDS = some.floats(1e-3, 1e12).map(lambda x: float(f"{x:.6g}"))


@given(NUMBERS)
def test_a_selection_survives_its_address(numbers):
    text = search_view.trials_text(numbers)

    assert search_view.read({"trials": text}, MEASURES).selected == tuple(numbers)


@given(some.floats(-1e300, 1e300), some.floats(-1e300, 1e300))
def test_limits_survive_their_address(low, high):
    limits = {Y.place: (low, None), X.place: (None, high)}

    text = search_view.limits_text(limits, MEASURES)

    assert search_view.read({"limits": text}, MEASURES).limits == limits


@given(some.lists(BOUNDS, min_size=2, max_size=2, unique=True).map(sorted))
def test_a_range_survives_its_address(ends):
    box = (*ends, *ends)

    text = search_view.numbers_text(box)

    assert search_view.read({"range": text}, MEASURES).box == box


@given(BOUNDS)
def test_an_address_has_no_plus_sign(bound):
    assert "+" not in search_view.numbers_text([bound])


@pytest.mark.parametrize(
    "query",
    [
        {"trials": "x,-1,1e3"},
        {"range": "1,2,3"},
        {"range": "2,1,1,2"},
        {"range": "nan,1,1,2"},
        {"ref": "1"},
        {"limits": "nobody:1"},
        {"limits": "macs:inf"},
        {"limits": ":::"},
        {},
    ],
)
def test_what_makes_no_sense_is_left_out(query):
    assert search_view.read(query, MEASURES) == search_view.SearchView()
