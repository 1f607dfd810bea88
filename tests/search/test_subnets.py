"""Values of subnets evaluated ahead: groups change nothing but time."""

import pytest

from search.probe import Measurement
from search.subnets import Subnets

ARCHS = [(number,) for number in range(10)]


class Metered:
    """A meter that says what it was asked together; some archs break it."""

    def __init__(self, broken=()):
        self.groups = []
        self._broken = set(broken)

    def measure(self, trained, archs):
        self.groups.append(list(archs))
        if self._broken & set(archs):
            raise ValueError("broken")
        return [Measurement(float(arch[0])) for arch in archs]


def asked(subnets, meter, archs):
    return [subnets.value(0, meter, arch)[0].value for arch in archs]


def test_what_is_expected_is_evaluated_together_and_once():
    subnets, meter = Subnets(None), Metered()
    subnets.expect(0, ARCHS)

    values = asked(subnets, meter, ARCHS)

    assert values == [float(number) for number in range(10)]
    assert meter.groups == [ARCHS[:1], ARCHS[1:]]  # the first one says how long one takes


def test_what_nobody_expected_is_evaluated_too():
    subnets, meter = Subnets(None), Metered()
    subnets.expect(0, ARCHS[:3])

    assert asked(subnets, meter, [(9,), (0,)]) == [9.0, 0.0]


def test_one_that_fails_spoils_no_other():
    subnets, meter = Subnets(None), Metered(broken=[(4,)])
    subnets.expect(0, ARCHS)

    before = asked(subnets, meter, ARCHS[:4])
    with pytest.raises(ValueError, match="broken"):
        subnets.value(0, meter, (4,))
    after = asked(subnets, meter, ARCHS[5:])

    assert [*before, *after] == [float(number) for number in range(10) if number != 4]


def test_what_is_no_longer_expected_is_forgotten():
    subnets, meter = Subnets(None), Metered()
    subnets.expect(0, ARCHS)
    asked(subnets, meter, ARCHS[:2])

    subnets.expect(0, [(7,)])

    assert list(subnets._found) == [(0, (7,))]


def test_seconds_are_shared_by_the_group():
    subnets, meter = Subnets(None), Metered()
    subnets.expect(0, ARCHS)
    subnets.value(0, meter, ARCHS[0])

    seconds = {subnets.value(0, meter, arch)[1] for arch in ARCHS[1:]}

    assert len(seconds) == 1
    assert seconds.pop() > 0
