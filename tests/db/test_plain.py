"""Values as both databases take them."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.plain import clean, finite, spelled_out, to_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_spelled_out_values_are_strict_json(value):
    text = to_json(spelled_out(value))

    assert json.loads(text, parse_constant=pytest.fail) == spelled_out(value)


@given(VALUES)
def test_spelling_out_twice_changes_nothing_more(value):
    assert spelled_out(spelled_out(value)) == spelled_out(value)


@given(st.text())
def test_clean_text_can_be_stored(text):
    assert "\0" not in clean(text).encode("utf-8").decode()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_is_no_json(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"value": value})
    assert finite(value) is None


def test_finite_numbers_stay():
    assert finite(1.5) == 1.5
    assert finite(None) is None
