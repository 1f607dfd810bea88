import pytest

from search.events import Score
from search.objectives import Aim, misses, total_violation


def aim(**bounds):
    return Aim("size", "minimize", **bounds)


@pytest.mark.parametrize(
    ("bounds", "value", "violation"),
    [
        ({}, 5.0, 0.0),
        ({"at_most": 4.0}, 4.0, 0.0),
        ({"at_most": 4.0}, 5.0, 0.25),
        ({"at_least": 4.0}, 3.0, 0.25),
        ({"at_least": -4.0}, -5.0, 0.25),
        ({"at_most": 0.0}, 0.3, 0.3),
        ({"at_least": 1.0, "at_most": 2.0}, 3.0, 0.5),
        ({"at_most": 4.0}, None, 1.0),
        ({}, None, 0.0),
    ],
)
def test_a_violation_is_relative_to_its_bound(bounds, value, violation):
    assert aim(**bounds).violation(value) == pytest.approx(violation)


def test_what_is_to_be_maximised_is_turned_around():
    assert Aim("accuracy", "maximize").minimised(3.0) == -3.0
    assert Aim("loss", "minimize").minimised(3.0) == 3.0
    assert Aim("accuracy", "maximize").minimised(None) is None


def test_violations_add_up_and_misses_are_said_in_words():
    aims = [Aim("size", "minimize", at_most=4.0), Aim("accuracy", "maximize", at_least=90.0)]
    scores = [Score("size", "cost", "ok", 5.0), Score("accuracy", "table", "ok", 81.0)]

    assert total_violation(aims, scores) == pytest.approx(0.35)
    assert misses(aims, scores) == "size 5 is 1 above 4, accuracy 81 is 9 below 90"


def test_a_value_that_is_not_there_is_a_miss():
    missing = [Score("size", "proxy", "undefined", None)]

    assert misses([aim(at_most=1.0)], missing) == "size has no value"
