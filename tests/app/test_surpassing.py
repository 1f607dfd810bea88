"""What a pick is worth beside random draws, among all that are known."""

import numpy as np
import pytest

from app import ranking
from app.ranking import Look, Truth
from app.surpassing import Pick, pick_of

SPACE_N = np.arange(15625.0)


def truth(space_N=SPACE_N, direction="maximize"):
    values = {f"a{k}": float(k) for k in range(15_600, 15_616)}
    return Truth("cifar10_test", "table", "benchmark nb201", "%", direction, values, space_N)


@pytest.mark.parametrize(("rank", "p"), [(1, 0.9993602), (156, 0.9045282), (1562, 0.3488024)])
def test_the_toy_case(rank, p):
    assert Pick(rank, 15625, "benchmark nb201").surpasses == pytest.approx(p, abs=1e-7)


def test_the_best_of_few_probes_is_ranked_in_the_whole_benchmark():
    look = Look(1, {name: float(name[1:]) for name in truth().values})

    found = ranking.agreed(look, truth(), num_resamples=0).pick

    assert (found.rank, found.num_known) == (10, 15625)
    assert found.surpasses > 0.99
    assert "r = 10 of the R = 15,625 architectures of benchmark nb201" in found.words
    assert "n = 10" in found.words


def test_without_a_benchmark_the_words_say_how_little_is_known():
    found = truth(space_N=None).pick("a15615")

    assert (found.rank, found.num_known) == (1, 16)
    assert found.surpasses == pytest.approx((15 / 16) ** 10)
    assert "only R = 16" in found.words
    assert "52 % at best" in found.words


def test_equal_values_share_the_better_rank():
    assert pick_of(2.0, [3.0, 2.0, 2.0, 1.0], "maximize", "").rank == 2


def test_less_can_be_better():
    assert truth(direction="minimize").pick("a15600").rank == 15_601


def test_what_is_not_known_has_no_rank():
    assert truth().pick("b") is None
