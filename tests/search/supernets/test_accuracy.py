from itertools import pairwise

import numpy as np
import pytest
import torch

from search.spaces import spaces
from search.supernets.accuracy import SubnetAccuracy
from search.supernets.mix import onehot
from search.supernets.norms import NormPolicy
from search.supernets.selection import coarse_grid, coarse_to_fine
from tests.search.supernets.conftest import small

SPACE = spaces["elastic_tiny"]


def evaluation(kind="recalibrated"):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 3, 8, 8, generator=generator)
    y = torch.randint(5, (12,), generator=generator)
    net = small("elastic_tiny")
    return SubnetAccuracy(net, NormPolicy(kind), [x[:6], x[6:]], [(x[:8], y[:8]), (x[8:], y[8:])])


@pytest.mark.parametrize("kind", ["recalibrated", "tracked"])
def test_accuracy_is_that_of_the_collapsed_network(kind):
    accuracy, arch = evaluation(kind), (1, 2, 0, 1, 2, 0, 2, 0)
    if kind == "tracked":
        accuracy.net(torch.randn(4, 3, 8, 8), onehot(arch), accuracy.policy.training)
    plain = accuracy.collapse(arch)

    with torch.no_grad():
        right = sum(int((plain(x).argmax(1) == y).sum()) for x, y in accuracy._test)

    assert not plain.training
    assert accuracy(arch) == right / 12


def test_a_subnet_is_evaluated_once():
    accuracy, calls = evaluation(), []
    run = accuracy._prefixes.run
    accuracy._prefixes.run = lambda *args: calls.append(args) or run(*args)

    assert len({accuracy((0,) * 8) for _ in range(3)}) == 1
    assert len(calls) == 1


def test_an_invalid_subnet_is_refused_before_a_tensor_is_touched():
    accuracy = evaluation()
    accuracy._prefixes = None

    with pytest.raises(ValueError, match="stage 1 width: choice 9 is outside 0 to 3"):
        accuracy((9, 0, 0, 0, 0, 0, 0, 0))


def test_the_grid_has_one_choice_for_each_kind():
    grid = coarse_grid(SPACE)

    assert len(grid) == 4 * 3 * 3 * 2
    assert all(arch[:4] == arch[4:] for arch in grid)


def pick(limit, accuracy=lambda arch: float(arch[0] + 2 * arch[5]), **settings):
    rng = np.random.default_rng(0)
    cost = lambda arch: float(sum(arch))  # noqa: E731
    return list(coarse_to_fine(SPACE, accuracy, cost, limit=limit, rng=rng, **settings))


def test_selection_climbs_within_the_limit():
    picks = pick(7.0, mutations=400)

    assert [p.stage for p in picks] == sorted(p.stage for p in picks)
    assert all(a.accuracy < b.accuracy for a, b in pairwise(picks))
    assert all(p.cost <= 7 for p in picks)
    coarse = max(p.accuracy for p in picks if p.stage == "coarse")
    assert picks[-1].accuracy == 7.0 > coarse  # the first width and the second depth at their most


def test_what_is_beyond_the_limit_is_never_evaluated():
    seen = []
    pick(3.0, lambda arch: seen.append(sum(arch)) or 0.0)

    assert max(seen) <= 3


def test_a_limit_below_everything_is_refused_with_the_cheapest():
    with pytest.raises(ValueError, match=r"within -1; the cheapest is 0"):
        pick(-1.0)
