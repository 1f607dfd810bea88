"""What sharing passes can save is counted by hand."""

from benchmarks._one_pass import ALL, WITHOUT_GRASP, saved_by_sharing


def test_a_single_proxy_saves_nothing():
    assert saved_by_sharing(("grad_norm",)) == 1


def test_eight_proxies_cost_28_passes_one_by_one_and_8_together():
    assert saved_by_sharing(ALL) == (5 * 3 + 1 + 12) / (1 + 2 + 1 + 4)


def test_seven_proxies_cost_16_passes_one_by_one_and_4_together():
    assert saved_by_sharing(WITHOUT_GRASP) == (5 * 3 + 1) / (1 + 2 + 1)
