"""What is a transformer's own: norms of tokens, routed MLPs, branches that end in layers."""

import math
from functools import partial
from itertools import islice

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from search.spaces import spaces
from search.supernets.accuracy import SubnetAccuracy
from search.supernets.channels import sort_inner_channels
from search.supernets.examples import HeldExamples
from search.supernets.mix import mixture, onehot
from search.supernets.mixtures._tokens import layer_normed
from search.supernets.noise import Noise
from search.supernets.norms import NormPolicy
from search.supernets.recipes import recipes, unfit_reason
from search.supernets.sources import sources
from search.supernets.sources.partitioned import Partitioned
from search.supernets.supernet import zero_branch_ends
from tests.search.supernets.conftest import small
from tests.search.supernets.test_training import of, training

VIT = spaces["vit"]
LARGEST = (2, 4, *[2] * 12)
SMALLEST = (0,) * 14
UNFIT = {
    "deeper_insights": "too many",
    "fairnas": "equally many choices",
    "hypernetwork": "kernels of convolutions",
    "panda": "all have the same choices",
    "random_a": "too many",
}
TRAINED = [name for name in recipes if name not in UNFIT]


def rows_of(arch):
    return [
        torch.eye(len(d.choices))[k].requires_grad_()
        for d, k in zip(VIT.decisions, arch, strict=True)
    ]


@pytest.mark.parametrize("name", recipes)
def test_every_recipe_trains_it_or_says_why_not(name):
    reason = unfit_reason(recipes[name](), "vit")

    assert (reason is None) == (name not in UNFIT)
    assert UNFIT.get(name, "") in (reason or "")


@pytest.mark.parametrize("name", TRAINED)
def test_steps_of_every_fitting_recipe_are_finite_and_change_the_weights(name):
    made = training(of(name), "vit")
    before = [p.detach().clone() for p in made.net.parameters()]

    reports = list(islice(made.run(), 3))

    assert all(math.isfinite(loss) for r in reports for loss in r.losses.values())
    assert any(not torch.equal(a, b) for a, b in zip(before, made.net.parameters(), strict=False))


@pytest.mark.parametrize("name", ["spos", "sandwich", "alphanet", "attentivenas"])
def test_adamw_is_torchs_with_the_decay_that_was_asked_for(name):
    made = training(of(name, optimizer="adamw", weight_decay=0.1), "vit").optimizer
    (group, *others) = made.param_groups

    assert isinstance(made, torch.optim.AdamW)
    assert group["weight_decay"] == 0.1
    assert group["betas"] == (0.9, 0.999)
    assert all(other["weight_decay"] == 0 for other in others)


def test_norms_of_one_width_are_torchs_own():
    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(s, generator=generator) for s in ((2, 3, 8), (8,), (8,)))

    ours = layer_normed(x, weight, bias, (4, 8), [(1, 1.0)])

    torch.testing.assert_close(ours, F.layer_norm(x, (8,), weight, bias))
    torch.testing.assert_close(layer_normed(x, weight, bias, (4, 8), None), ours)


def test_norms_of_a_hard_draw_are_those_of_its_width():
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    x[..., 4:] = 0
    mask = torch.tensor([1.0] * 4 + [0.0] * 4)

    ours = layer_normed(x, mask, 0 * mask, (4, 8), [(0, torch.ones(())), (1, torch.zeros(()))])

    torch.testing.assert_close(ours[..., :4], F.layer_norm(x[..., :4], (4,)))
    assert ours[..., 4:].abs().max() == 0


@pytest.mark.parametrize("arch", [SMALLEST, (1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2)])
def test_a_hard_draw_computes_the_subnet_and_teaches_every_choice_of_its_size(images, arch):
    net = small("vit")
    rows = rows_of(arch)

    logits = net(images, mixture(rows))
    logits.square().sum().backward()

    torch.testing.assert_close(logits, net(images, onehot(arch)), rtol=1e-4, atol=1e-5)
    active = 2 + 2 * (arch[1] + 2)
    assert all(row.grad.abs().max() > 0 for row in rows[:active])


def test_branches_start_as_the_identity_and_learn_their_last_layer_first(images):
    net = small("vit")
    zero_branch_ends(net)
    mix = onehot(LARGEST)
    x = torch.randn(2, 4, 16, generator=torch.Generator().manual_seed(0))

    y = net._block(x, None, 0, mix)
    (y * torch.randn(y.shape, generator=torch.Generator().manual_seed(1))).sum().backward()

    assert torch.equal(y, x)
    block = net._blocks[0]
    for inner in (block.query, block.value, block.widen):
        assert net.source.parameters_of(inner)[0].grad.abs().max() == 0
    for last in (block.merge, block.narrow):
        assert net.source.parameters_of(last)[0].grad.abs().max() > 0


def test_sorted_channels_compute_the_same(images):
    net = small("vit")
    before = net(images, onehot(LARGEST))

    sort_inner_channels(net)

    torch.testing.assert_close(net(images, onehot(LARGEST)), before)
    narrow = net.source.parameters_of(net._blocks[0].narrow)[0]
    importance = narrow.abs().sum(0)
    assert (importance.diff() <= 0).all()


def test_experts_are_those_of_the_mlps_alone():
    source = small("vit", recipes["mixture_of_supernets"]().source(VIT)).source

    assert set(source.entropy(LARGEST)) == {
        f"blocks.{k}.{name}" for k in range(6) for name in ("widen", "narrow")
    }


@pytest.mark.parametrize(("level", "is_common"), [("layer", True), ("neuron", False)])
def test_both_layers_of_an_mlp_have_one_router_where_a_layer_has_one_mixture(level, is_common):
    net = small("vit", recipes["mixture_of_supernets"](level=level).source(VIT))
    mix = onehot(LARGEST)
    first, second, third = (
        net.source.shares(net.slots[f"blocks.{name}"], mix)[0]
        for name in ("0.widen", "0.narrow", "1.widen")
    )

    assert torch.equal(first, second) == is_common
    assert not torch.equal(first, third)


def test_nothing_is_calibrated_because_no_norm_keeps_statistics(images):
    net = small("vit")
    labels = torch.zeros(len(images), dtype=torch.long)
    broken = torch.full_like(images, math.nan)  # would spoil any statistics

    accuracy = SubnetAccuracy(net, NormPolicy("recalibrated"), [broken], [(images, labels)])

    share = float((net(images, onehot(LARGEST)).argmax(1) == 0).float().mean())
    assert accuracy(LARGEST) == pytest.approx(share)
    collapsed = accuracy.collapse(LARGEST)
    torch.testing.assert_close(collapsed(images), net(images, onehot(LARGEST)))
    assert not collapsed.training


def test_drop_path_leaves_branches_out_image_by_image(images):
    net = small("vit")
    noise = Noise(0.0, 0.9, torch.Generator().manual_seed(0))

    noisy = net(images, onehot(LARGEST), noise=noise)

    assert not torch.allclose(noisy, net(images, onehot(LARGEST)))
    assert torch.isfinite(noisy).all()


def test_partitioned_weights_refuse_mixtures_with_a_reason(images):
    maker = partial(
        Partitioned,
        inner=sources["entangled"],
        num_groups=2,
        group_of=lambda arch: arch[0] % 2,
        is_private=lambda slot: slot.is_feed_forward,
    )
    net = small("vit", maker)

    assert net(images, onehot(LARGEST)).shape == (6, 5)
    with pytest.raises(ValueError, match="single architectures, not to mixtures"):
        net(images, mixture(rows_of(LARGEST)))


def test_it_learns_to_tell_patterns_apart():
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(48) % 3
    x = torch.randn(3, 1, 8, 8, generator=generator)[y]
    x = x + 0.3 * torch.randn(48, 1, 8, 8, generator=generator)
    recipe = of("bignas", epochs=5, batch_size=16, dropout=0.0, drop_path=0.0, lr=0.03)
    losses = [r.losses for r in training(recipe, "vit", data=HeldExamples(x, y)).run()]

    for role in ("max", "min"):
        early, late = (
            np.mean([loss[role] for loss in part]) for part in (losses[:3], losses[-3:])
        )
        assert late < 0.9 * early
