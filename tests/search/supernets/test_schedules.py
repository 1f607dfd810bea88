import pytest

from search.supernets.schedules import (
    constant,
    cosine,
    decay_then_constant,
    linear_smoothing,
    no_smoothing,
)


@pytest.mark.parametrize(
    ("epoch", "value"),
    [
        (0, 0.256),
        (2.3, 0.256),
        (2.4, 0.24832),
        (24, 0.188781),
        (120, 0.055825),
        (237.5, 0.012938),
        (237.6, 0.0128),
        (350, 0.0128),
    ],
)
def test_decay_stops_at_a_share_of_the_start(epoch, value):
    assert decay_then_constant(0.256)(epoch, 360) == pytest.approx(value, abs=5e-7)


def test_the_rise_before_the_decay_is_linear():
    schedule = decay_then_constant(1.0, warmup=5)

    assert [schedule(e, 100) for e in (0, 2.5)] == [0, 0.5]
    assert schedule(5, 100) == 0.97**2


@pytest.mark.parametrize(
    ("epoch", "value"), [(0, 0.001), (2.5, 0.5005), (5, 1.0), (52.5, 0.5), (100, 0.0)]
)
def test_cosine_rises_and_falls(epoch, value):
    schedule = cosine(1.0, warmup=5, warmup_factor=0.001)

    assert schedule(epoch, 100) == pytest.approx(value)


def test_constant_and_smoothing():
    assert constant(0.1)(7, 9) == 0.1
    assert [linear_smoothing(e, 4) for e in range(4)] == [0, 0.25, 0.5, 0.75]
    assert no_smoothing(3, 4) == 0
