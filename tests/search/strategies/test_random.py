import numpy as np
import pytest

from search.spaces import spaces
from search.strategies import strategies

SPACE = spaces["nasbench201"]


def archs_of(seed, n):
    return [p.arch for p in strategies["random"](SPACE, np.random.default_rng(seed)).ask(n)]


def test_no_arch_comes_twice():
    archs = archs_of(0, SPACE.size)

    assert len(set(archs)) == SPACE.size


def test_seeds_give_different_orders():
    assert archs_of(0, 20) != archs_of(1, 20)


@pytest.mark.parametrize("edge", range(6))
def test_every_operation_is_as_frequent_on_every_edge(edge):
    counts = np.bincount([arch[edge] for arch in archs_of(5, 5000)], minlength=5)

    assert abs(counts - 1000).max() < 130  # over four standard deviations
