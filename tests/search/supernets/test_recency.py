"""Which architecture was trained last, and how long ago each of some was."""

import numpy as np
import pytest

from search.supernets.mix import mixture
from search.supernets.recency import LastTrained
from search.supernets.steps import Pass, PassReport, Report, pass_of


def report(step, *passes):
    told = [PassReport(done, None, None, None) for done in passes]
    return Report(step, 0, np.arange(2), None, told, 0.1)


@pytest.fixture
def known():
    return LastTrained([(0, 0), (1, 0), (1, 1)])


def test_steps_since_the_last_turn_are_counted(known):
    known.note(report(0, pass_of((0, 0))))
    known.note(report(1, pass_of((0, 1))))
    known.note(report(2, pass_of((1, 0)), pass_of((0, 0))))

    assert known.ago(4) == [1, 1, None]
    assert known.arch == (0, 0)


def test_a_mixture_is_no_architecture(known):
    known.note(report(0, Pass(mixture([[0.5, 0.5], [1.0, 0.0]]))))

    assert (known.arch, known.ago(1)) == (None, [None, None, None])


def test_a_training_that_goes_on_remembers(known):
    known.note(report(4, pass_of((1, 1))))
    again = LastTrained([(0, 0), (1, 0), (1, 1)])

    again.load_state_dict(known.state_dict())

    assert (again.arch, again.ago(7)) == ((1, 1), [None, None, 2])
