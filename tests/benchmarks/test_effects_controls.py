"""Methods set to do nothing equal their baselines, and the truth ranks itself."""

import pytest

from benchmarks.effects.controls import CONTROLS, Control, holds, oracle_tau
from search.supernets.recipes import recipes


@pytest.mark.parametrize("name", CONTROLS)
def test_identity_settings_equal_the_baseline_bit_for_bit(name):
    assert holds(CONTROLS[name])


def test_a_method_at_work_is_told_from_its_baseline():
    control = CONTROLS["panda"]
    at_work = Control(
        control.space, "", lambda: recipes["panda"](epochs=2, batch_size=64), control.baseline
    )

    assert not holds(at_work)


def test_the_truth_ranks_itself(bench):
    assert oracle_tau(bench, "cell_27") == 1
