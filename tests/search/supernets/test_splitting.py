"""Splitting against cases computed by hand."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from search.spaces import spaces
from search.supernets.mix import mixture, onehot
from search.supernets.splitting import (
    best_partition,
    decision_to_split,
    distances,
    gradients_at,
    split,
)
from search.supernets.training import Training
from tests.search.supernets.conftest import small
from tests.search.supernets.test_training import examples, of

A = [(1.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, 1.0)]
B = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)]


def partition(gradients, sizes=(2,)):
    return best_partition(distances([torch.tensor(g) for g in gradients]), sizes)


@pytest.mark.parametrize(("gradients", "intra", "inter"), [(A, 0, 4), (B, 2, 6)])
def test_partitions_are_as_by_hand(gradients, intra, inter):
    best = partition(gradients)

    assert best.groups == ((0, 1), (2, 3))
    assert (best.intra, best.inter) == pytest.approx((intra, inter), abs=1e-5)


def test_the_two_rules_split_different_decisions():
    both = [partition(A), partition(B)]

    assert decision_to_split(both, "inter") == 1
    assert decision_to_split(both, "intra") == 0


def test_the_size_of_gradients_does_not_matter():
    scaled = [A[0], (10.0, 0.0), *A[2:]]

    assert distances([torch.tensor(g) for g in scaled]) == pytest.approx(
        distances([torch.tensor(g) for g in A]), abs=1e-5
    )


def test_every_architecture_is_in_one_member():
    net = small("cell_27", "per_choice")
    space, slot = spaces["cell_27"], net.slots["stem.0"]
    once = split(net, 0, [[0, 1], [2]])
    twice = split(once, 2, [[0], [1, 2]])
    archs = [space.at(number) for number in range(27)]

    counts = Counter(twice.source.place(slot, onehot(arch)) for arch in archs)

    assert sorted(counts.values()) == [3, 6, 6, 12]


def test_members_start_as_the_supernet_that_was_split(images):
    net = small("cell_27", "per_choice")
    divided = split(net, 1, [[0], [1], [2]])

    with torch.no_grad():
        for choice in range(3):
            mix = onehot((0, choice, 2))
            assert torch.equal(divided(images, mix), net(images, mix))


def test_training_one_member_leaves_the_others_and_the_original_as_they_are():
    recipe = replace(of("spos"), epochs=1)
    data = examples()
    net = small("cell_27", "per_choice", shape=(1, 8, 8), num_classes=3)
    divided = split(net, 0, [[0], [1], [2]])
    before = {key: value.clone() for key, value in divided.state_dict().items()}
    made = Training(divided, recipe, data, seed=0)

    report = made.step()

    (member,) = {done.done.mix.arch[0] for done in report.passes}
    changed = {k for k, v in divided.state_dict().items() if not torch.equal(v, before[k])}
    assert changed
    assert all(key.startswith(f"source.members.{member}.") for key in changed)


def test_gradients_leave_out_the_decision_itself_and_what_all_share(images):
    net = small("nasbench201", "per_choice")
    y = torch.arange(len(images)) % 5

    found = gradients_at(net, 0, onehot((3,) * 6), images, y)

    # five edges of three cells of widths 4, 8 and 16: two convolutions and their norms each
    size = sum(5 * (w * w * (1 + 9) + 2 * 2 * w) for w in (4, 8, 16))
    assert [len(g) for g in found] == [size] * 5
    assert all(p.grad is None for p in net.parameters())
    assert not torch.equal(found[2], found[3])


def test_gradients_of_a_soft_mix_are_those_of_all_its_terms(images):
    net = small("cell_27", "per_choice")

    found = gradients_at(net, 1, mixture([[1 / 3] * 3] * 3), images, torch.arange(len(images)) % 5)

    assert distances(found).shape == (3, 3)
    assert distances(found).max() > 0


@pytest.mark.parametrize("groups", [[[0], [1]], [[0, 1], [1, 2]], [[0], [1], [2], [3]]])
def test_groups_that_do_not_divide_the_choices_are_refused(groups):
    with pytest.raises(ValueError, match="every choice, 0 to 2, must be in one group"):
        split(small("cell_27"), 0, groups)
