"""Which branches are dropped, and how often."""

import pytest
import torch

from search.supernets.mix import onehot
from search.supernets.noise import Noise
from search.supernets.recipes import recipes
from search.supernets.supernet import BATCH_NORMS, largest
from tests.search.supernets.conftest import small
from tests.search.supernets.test_training import of, training


class Noted(Noise):
    """Keeps the rates at which something is dropped, in order."""

    def _dropped(self, x, rate, shape):
        self.rates.append(rate)
        return x


def rates(name, drops_in, arch=None):
    noise = Noted(0.0, 0.2, torch.Generator(), drops_in=drops_in)
    object.__setattr__(noise, "rates", [])
    net = small(name)
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        net(x, onehot(arch or largest(net.space)), BATCH_NORMS, noise)
    return noise.rates[:-1]  # the last is of the features


def test_branches_of_the_last_two_stages_are_dropped_as_in_the_authors_code():
    # five units of four blocks; the first of each has no shortcut; .2 * place / 20
    last_two = [0.2 * place / 20 for place in (13, 14, 15, 17, 18, 19)]

    assert rates("mobile", "last_two_stages") == pytest.approx([0.0] * 9 + last_two)
    assert rates("elastic_tiny", "last_two_stages") == pytest.approx(
        [0.2 * place / 6 for place in range(6) if place != 3]
    )


def test_branches_of_all_stages_are_dropped_up_to_the_full_rate():
    found = rates("mobile", "all_stages")

    assert found == pytest.approx([0.2 * (p + 1) / 20 for p in range(20) if p % 4])
    assert found[-1] == 0.2


def test_transformers_have_no_stages_so_that_all_their_branches_are_dropped():
    found = rates("vit", "last_two_stages")

    assert found == pytest.approx([0.2 * place / len(found) for place in range(len(found))])


@pytest.mark.parametrize("name", ["bignas", "attentivenas", "alphanet"])
def test_the_largest_alone_drops_in_the_last_two_stages_by_default(name):
    dropping = recipes[name]().dropping

    assert (dropping.drop_path, dropping.roles) == (0.2, ("max",))
    assert dropping.drops_in == "last_two_stages"


@pytest.mark.parametrize(
    ("name", "arch", "num_dropped", "num_cells"),
    [
        ("cell_27", (0, 1, 2), 3, 2),
        ("nasbench201", (3, 2, 4, 1, 1, 1), 3, 3),  # the others are skips
        ("nasbench201", (1, 0, 0, 1, 0, 1), 0, 3),
    ],
)
def test_operations_of_cells_are_dropped_the_more_often_the_later_but_skips_never(
    name, arch, num_dropped, num_cells
):
    found = rates(name, "all_stages", arch)

    by_cell = [0.2 * (place + 1) / num_cells for place in range(num_cells)]
    assert found == pytest.approx([rate for rate in by_cell for _ in range(num_dropped)])


@pytest.mark.parametrize("name", ["spos", "fairnas", "random_a"])
def test_recipes_of_single_paths_drop_where_they_are_asked_to(name):
    drawn = {"dropout": 0.5, "drop_path": 0.5}
    plain, dropped = (training(of(name, **more)) for more in ({}, drawn))

    first, second = (made.step() for made in (plain, dropped))

    assert [one.done.mix.arch for one in first.passes] == [
        one.done.mix.arch for one in second.passes
    ]
    assert all(a.loss != b.loss for a, b in zip(first.passes, second.passes, strict=True))
