"""Splitting against cases computed by hand."""

from collections import Counter

import pytest
import torch

from search.spaces import spaces
from search.supernets.matching import best_partition, decision_to_split, distances, gradients_at
from search.supernets.mix import mixture, onehot
from search.supernets.norms import NormPolicy
from search.supernets.parts import has, parts_by, whole
from search.supernets.splitting import parts_of, split, view
from tests.search.supernets.conftest import small

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


def divided(net, place, groups):
    own = parts_of(net) or (whole(net.space),)
    split(net, [parts_by(part, place, groups) for part in own])
    return net


def test_every_architecture_is_in_one_member():
    net = small("cell_27", "per_choice")
    space, slot = spaces["cell_27"], net.slots["stem.0"]
    divided(divided(net, 0, [[0, 1], [2]]), 2, [[0], [1, 2]])
    archs = [space.at(number) for number in range(27)]

    counts = Counter(net.source.place(slot, onehot(arch)) for arch in archs)

    assert sorted(counts.values()) == [3, 6, 6, 12]
    assert all(sum(has(part, arch) for part in parts_of(net)) == 1 for arch in archs)


def test_members_start_as_the_supernet_that_was_split(images):
    net = small("cell_27", "per_choice")
    mixes = [onehot((0, choice, 2)) for choice in range(3)]
    with torch.no_grad():
        before = [net(images, mix) for mix in mixes]
        divided(net, 1, [[0], [1], [2]])

        assert all(torch.equal(net(images, m), y) for m, y in zip(mixes, before, strict=True))


def test_members_have_no_mixtures(images):
    net = divided(small("cell_27", "per_choice"), 0, [[0, 1], [2]])

    with pytest.raises(ValueError, match="single architectures, not to mixtures"):
        net(images, mixture([[1 / 3] * 3] * 3))


def test_a_view_leaves_the_supernet_as_it_is():
    net = divided(small("cell_27", "per_choice"), 0, [[0, 1], [2]])

    assert view(net, net.source.member(1)).source is net.source.member(1)
    assert len(parts_of(net)) == 2


def test_running_averages_go_with_the_member(images):
    policy, net = NormPolicy("tracked"), small("cell_27", "per_choice")
    net(images, onehot((0, 0, 0)), policy.training)
    before = policy.training.moments["stem.1"]

    policy.split([(0, 0), (1, 0)], is_split=False)
    policy.training.moments["1:stem.1"][0].add_(1)
    policy.split([(0, 1), (1, 0), (2, 0)], is_split=True)

    means = [policy.training.moments[f"{member}:stem.1"][0] for member in range(3)]
    assert torch.equal(means[0], before[0] + 1)
    assert torch.equal(means[1], before[0])
    assert means[1] is not means[2]


def test_gradients_leave_out_the_decision_itself_and_what_all_share(images):
    net = small("nasbench201", "per_choice")
    y = torch.arange(len(images)) % 5

    found = gradients_at(net, 0, onehot((3,) * 6), images, y)

    # five edges of three cells of widths 4, 8 and 16: two convolutions and their norms each;
    # and what lies between cells: three convolutions and two norms
    size = sum(5 * (w * w * (1 + 9) + 2 * 2 * w) for w in (4, 8, 16))
    size += sum(w * w // 2 * (9 + 1) + w * w * 9 + 2 * 2 * w for w in (8, 16))
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
    with pytest.raises(ValueError, match="must be in one group"):
        divided(small("cell_27"), 0, groups)
