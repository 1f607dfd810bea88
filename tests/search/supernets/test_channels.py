"""Which channels a layer takes that needs fewer than there are: How to Train Your Super-Net."""

import numpy as np
import pytest
import torch

from search.errors import SpecError
from search.parameters import bind
from search.supernets.mix import mixture, onehot
from search.supernets.recipes import recipes
from search.supernets.slots import Slot
from search.supernets.sources._drawn_channels import (
    DrawnChannels,
    drawn_channels,
    interpolated,
)
from tests.search.supernets.conftest import small
from tests.search.supernets.test_training import (
    assert_equal,
    continued,
    finished,
    of,
    training,
    weights,
)

SLOT = Slot("conv", "conv", {(0,): (2, 3, 1, 1), (1,): (4, 6, 3, 3)}, (0,), has_bias=True)


def source(policy):
    made = DrawnChannels([SLOT], torch.Generator().manual_seed(0), policy=policy)
    with torch.no_grad():
        weight, bias = made.parameters_of(SLOT)
        weight.copy_(torch.arange(24.0).view(4, 6, 1, 1).expand(4, 6, 3, 3))
        bias.copy_(torch.arange(4.0))
    return made


def rows_and_columns(made):
    weight, bias = made.tensors(SLOT, onehot((0,)))
    assert weight.shape == (2, 3, 1, 1)
    values = weight[:, :, 0, 0]
    rows = (values[:, 0] // 6).tolist()
    assert bias.tolist() == rows
    return rows, (values[0] % 6).tolist()


def test_chunks_are_contiguous_and_reach_both_ends():
    made, rng = source("chunk"), np.random.default_rng(0)
    seen = []
    for _ in range(60):
        made.redraw(rng)
        seen.append(rows_and_columns(made))

    assert {tuple(rows) for rows, _ in seen} == {(0, 1), (1, 2), (2, 3)}
    assert {columns[0] for _, columns in seen} == {0, 1, 2, 3}
    assert all(np.diff(columns).tolist() == [1, 1] for _, columns in seen)


def test_subsets_are_without_repetition_and_of_all_channels():
    made, rng = source("subset"), np.random.default_rng(0)
    seen = []
    for _ in range(60):
        made.redraw(rng)
        seen.append(rows_and_columns(made)[1])

    assert all(len(set(columns)) == 3 for columns in seen)
    assert {c for columns in seen for c in columns} == set(range(6))
    assert any(np.diff(columns).tolist() != [1, 1] for columns in seen)


@pytest.mark.parametrize("policy", ["chunk", "subset"])
def test_outside_of_steps_the_first_channels_are_taken(policy):
    made = source(policy)
    made.redraw(np.random.default_rng(3))
    made.settle()

    assert rows_and_columns(made) == ([0, 1], [0, 1, 2])


def test_the_largest_choice_takes_everything_in_order():
    made = source("subset")
    made.redraw(np.random.default_rng(3))

    weight, bias = made.tensors(SLOT, onehot((1,)))

    assert torch.equal(weight, made.parameters_of(SLOT)[0])
    assert bias.tolist() == [0, 1, 2, 3]


def test_interpolated_channels_are_averages_of_neighbours():
    weight = torch.arange(24.0).view(4, 6)

    assert interpolated(weight, (2, 3)).tolist() == [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]
    assert interpolated(torch.arange(4.0), (2,)).tolist() == [0.5, 2.5]
    assert interpolated(weight, (4, 6)) is weight


@pytest.mark.parametrize("policy", ["chunk", "interpolated"])
def test_a_mix_is_the_padded_sum(policy):
    made = source(policy)

    weight, bias = made.tensors(SLOT, mixture([[0.25, 0.75]]))

    (small_w, small_b), (full_w, full_b) = (made.tensors(SLOT, onehot((k,))) for k in (0, 1))
    expected = 0.75 * full_w
    expected[:2, :3, 1:2, 1:2] += 0.25 * small_w
    torch.testing.assert_close(weight, expected)
    torch.testing.assert_close(bias[:2], 0.25 * small_b + 0.75 * full_b[:2])


@pytest.mark.parametrize("policy", ["chunk", "subset", "interpolated"])
def test_subnets_collapse_and_trainings_resume(policy, images):
    recipe = of("spos", source="entangled", channels=policy)
    whole = finished(recipe, "elastic_tiny")
    first = training(recipe, "elastic_tiny")
    first.step()
    second = continued(first, recipe, "elastic_tiny")

    assert_equal(weights(second), weights(whole))
    arch = (0, 1, 1, 0, 1, 0, 1, 1)
    x = images[:, :1]
    with torch.no_grad():
        ours, plain = whole.net(x, onehot(arch)), whole.net.collapse(arch)(x)
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)


def test_policies_train_differently():
    found = [
        weights(finished(of("spos", source="entangled", channels=policy), "elastic_tiny"))
        for policy in ("first", "chunk", "subset", "interpolated")
    ]
    stems = [state["source.stem/0.weight"] for state in found]

    assert len({tuple(stem.flatten().tolist()) for stem in stems}) == 4


def test_of_interpolated_weights_every_channel_learns():
    net = small("elastic_tiny", lambda s, g: DrawnChannels(s, g, policy="interpolated"))
    with drawn_channels(net, np.random.default_rng(0)):
        net(torch.ones(2, 3, 8, 8), onehot((0,) * 8)).sum().backward()

    gradient = net.source.parameters_of(net.slots["stem.1"])[1].grad
    assert (gradient != 0).all()


def test_weights_per_choice_have_no_channels_to_choose():
    with pytest.raises(SpecError) as caught:
        bind(recipes["spos"], {"channels": "chunk"})

    assert caught.value.fields == {"channels": "chunk needs source entangled, not per_choice"}
    with pytest.raises(ValueError, match="channels: chunk needs source entangled"):
        of("spos", channels="chunk")
