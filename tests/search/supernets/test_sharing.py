"""Sharing policies: who is in one group, and who is changed by whose training."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from search.spaces import spaces
from search.supernets.mix import onehot
from search.supernets.sharing import groups_of, shared_prefix, shared_source
from tests.search.supernets.conftest import small
from tests.search.supernets.test_training import continued, finished, of, training

SPACE = spaces["cell_64"]


@pytest.mark.parametrize(
    ("num_groups", "equal"),
    [(1, 1 / 4), (2, 1 / 3), (4, 1 / 2), (8, 7 / 12), (16, 3 / 4), (32, 5 / 6), (64, 1)],
)
def test_similar_groups_agree_on_their_first_edges(num_groups, equal):
    archs = np.array([SPACE.at(n) for n in range(64)])
    groups = np.array(groups_of(SPACE, num_groups))

    shares = []
    for number in range(num_groups):
        members = archs[groups == number]
        assert len(members) == 64 // num_groups
        shares.append((members[:, None] == members).mean())

    assert np.mean(shares) == pytest.approx(equal)


def test_random_groups_are_as_large_and_repeat_under_a_seed():
    first, second = (groups_of(SPACE, 4, np.random.default_rng(s)) for s in (0, 0))

    assert first == second
    assert np.bincount(first).tolist() == [16] * 4
    assert any(b < a for a, b in pairwise(first))


def step_on(space, arch, **sharing):
    """Train one arch; the net before and after, and the training."""
    made = training(of("deeper_insights", **sharing), space)
    made.steps_done = spaces[space].index(arch)  # whose turn it is
    made.steps_per_epoch = made.timeline.steps_per_epoch = 1000
    made._places = lambda _place: np.arange(8)
    before = {key: value.clone() for key, value in made.net.state_dict().items()}
    made.step()
    return made, before


def parameters_of(net, arch):
    mix = onehot(arch)
    return {
        name: parameter
        for name, slot in net.plain_slots(arch)
        for parameter in net.source.parameters_of(slot, mix)
    }


def changed(made, before, arch):
    """Layers of *arch* whose parameters are no longer what they were."""
    names = {id(p): name for name, p in made.net.named_parameters()}
    return {
        layer
        for layer, p in parameters_of(made.net, arch).items()
        if not torch.equal(before[names[id(p)]], p)
    }


def test_with_no_sharing_training_one_leaves_the_others_as_they_are():
    made, before = step_on("cell_27", (0, 1, 2), sharing="none")

    others = [(0, 1, 1), (2, 2, 2)]
    assert all(not changed(made, before, arch) for arch in others)
    assert changed(made, before, (0, 1, 2))
    states = made.optimizer.state
    assert all(p not in states for arch in others for p in parameters_of(made.net, arch).values())


def test_with_no_sharing_momenta_of_one_are_not_moved_by_training_another():
    made = training(of("deeper_insights", sharing="none"))
    made.step()  # of the first architecture
    own = list(parameters_of(made.net, (0, 0, 0)).values())
    before = [p.clone() for p in own]
    momenta = [made.optimizer.state[p]["momentum_buffer"].clone() for p in own]
    assert momenta

    report = made.step()

    assert report.passes[0].done.mix.arch == (0, 0, 1)
    assert all(torch.equal(p, was) for p, was in zip(own, before, strict=True))
    after = [made.optimizer.state[p]["momentum_buffer"] for p in own]
    assert all(torch.equal(a, b) for a, b in zip(after, momenta, strict=True))


def test_a_shared_prefix_is_all_that_changes_in_others():
    made, before = step_on("cell_27", (0, 1, 2), sharing="prefix", parts=1)

    layers = changed(made, before, (0, 1, 1))

    # the second edge has the same operation; the third one has another, with its own weights
    assert {name.split(".edges")[0] for name in layers} == {
        "stem.0", "stem.1", "stem.3", "stem.4", "cells.0.entry.1", "cells.0",
    }  # fmt: skip


def test_sharing_convolutions_alone_keeps_the_classifier_private():
    made, before = step_on("cell_27", (0, 1, 2), sharing="keyword", keyword="conv")

    layers = changed(made, before, (0, 1, 1))

    assert "stem.0" in layers
    assert "classifier" not in layers
    assert "stem.1" not in layers  # a norm


def test_one_group_equals_sharing_everything_bit_for_bit():
    one = finished(of("deeper_insights", sharing="similar_groups", groups=1))
    everything = finished(of("deeper_insights"))

    for key, value in everything.net.state_dict().items():
        other = key.replace("source.", "source.groups.0.")
        torch.testing.assert_close(one.net.state_dict()[other], value, rtol=0, atol=0)


RANDOM = {"sharing": "random_groups", "groups": 3}


def groups_in(made):
    return [made.net.source.group_of(SPACE.at(n)) for n in range(64)]


def test_another_seed_deals_other_groups_and_an_equal_one_the_same():
    one, same, other = (
        training(of("deeper_insights", **RANDOM), "cell_64", seed=seed) for seed in (0, 0, 1)
    )

    assert groups_in(one) == groups_in(same) != groups_in(other)
    assert sorted(np.bincount(groups_in(one)).tolist()) == [21, 21, 22]


def test_dealing_groups_changes_no_first_weight():
    dealt, similar = (
        training(of("deeper_insights", sharing=f"{kind}_groups", groups=3), "cell_64").net
        for kind in ("random", "similar")
    )

    expected = dict(dealt.named_parameters())
    assert expected
    for name, parameter in similar.named_parameters():
        assert torch.equal(parameter, expected[name])


def test_a_training_continued_has_the_groups_that_it_began_with():
    recipe = of("deeper_insights", **RANDOM)
    whole, first = finished(recipe, "cell_64"), training(recipe, "cell_64")
    first.step()
    second = continued(first, recipe, "cell_64")

    assert groups_in(second) == groups_in(whole)
    torch.testing.assert_close(second.net.state_dict(), whole.net.state_dict(), rtol=0, atol=0)


def test_a_prefix_of_no_parts_shares_the_stem():
    net = small("cell_27")
    is_private = shared_prefix(0)

    assert {name for name, slot in net.slots.items() if not is_private(slot)} == {
        "stem.0", "stem.1", "stem.3", "stem.4",
    }  # fmt: skip


def test_too_many_groups_are_refused():
    reason = of("deeper_insights", groups=28).unfit_reason(spaces["cell_27"])

    assert reason == "28 groups are more than the 27 architectures there are"
    assert "too many" in of("deeper_insights").unfit_reason(spaces["mobile"])


def test_all_is_the_inner_source_itself():
    from search.supernets.sources import sources

    assert shared_source(SPACE, "all", inner="entangled") is sources["entangled"]
