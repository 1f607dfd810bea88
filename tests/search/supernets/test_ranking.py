import pytest

from search.supernets.ranking import (
    best_rank_of_top,
    kendall_tau,
    probability_to_beat_random,
    sparse_tau,
    sparse_tau_of_sorted,
    tau_between_runs,
)

TRUTH = [0.9101, 0.9104, 0.9120, 0.9125, 0.9301]
SCORES = [0.50, 0.48, 0.60, 0.70, 0.65]


def test_plain_tau_of_the_toy_case():
    assert kendall_tau(TRUTH, SCORES) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("grid", "tau", "as_in_code"), [(1e-3, 0.6708204, 0.625), (1e-2, 0.3162278, -0.25)]
)
def test_sparse_tau_of_the_toy_case(grid, tau, as_in_code):
    assert sparse_tau(TRUTH, SCORES, grid=grid) == pytest.approx(tau)
    assert sparse_tau_of_sorted(TRUTH, SCORES, grid=grid) == pytest.approx(as_in_code)


def test_tau_is_undefined_where_all_are_tied():
    assert sparse_tau(TRUTH, SCORES, grid=1) is None


def test_equal_runs_have_tau_1_and_reversed_ones_minus_1():
    run = {(0,): 0.1, (1,): 0.2, (2,): 0.3}
    reverse = {arch: -value for arch, value in run.items()}

    assert tau_between_runs([run, dict(run), reverse]) == [1, -1, -1]


def test_the_truth_ranks_itself_perfectly():
    assert kendall_tau(TRUTH, TRUTH) == pytest.approx(1)
    assert [best_rank_of_top(TRUTH, TRUTH, k) for k in (1, 3)] == [1, 1]


@pytest.mark.parametrize(("k", "rank"), [(1, 2), (2, 1)])
def test_best_rank_among_the_top(k, rank):
    assert best_rank_of_top(TRUTH, SCORES, k) == rank


@pytest.mark.parametrize(("rank", "p"), [(1, 0.9993602), (156, 0.9045282), (1562, 0.3488024)])
def test_probability_to_beat_random_search_of_the_toy_case(rank, p):
    assert probability_to_beat_random(rank, 15625) == pytest.approx(p, abs=1e-7)


@pytest.mark.parametrize("rank", [0, 6])
def test_a_rank_that_there_is_not_is_refused(rank):
    with pytest.raises(ValueError, match=f"none has rank {rank}"):
        probability_to_beat_random(rank, 5)
