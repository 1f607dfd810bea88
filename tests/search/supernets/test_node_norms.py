"""A norm for every set of predecessors of a node."""

import pytest
import torch

from search.supernets.examples import HeldExamples
from search.supernets.making import supernet_of
from search.supernets.mix import mixture, onehot
from search.supernets.mixtures import build
from search.supernets.norms import calibrated
from search.supernets.recipes import recipes, unfit_reason
from search.supernets.training import Training

NONE, SKIP, CONV = 0, 1, 3
THE_SET = "0-2"  # predecessors of node 3 in the arch that is drawn first


def supernet(**params):
    return build(
        "nasbench201",
        shape=(3, 8, 8),
        num_classes=5,
        generator=torch.Generator().manual_seed(0),
        source="per_choice",
        channels=4,
        cells=1,
        **params,
    )


def used(net, arch, images):
    """Norms of nodes of the first cell that get a gradient."""
    net.zero_grad()
    net(images, onehot(arch))[:, 0].square().sum().backward()
    prefix = "layers.0.nodes."
    return {
        name.removeprefix(prefix)
        for name, slot in net.slots.items()
        if name.startswith(prefix) and net.source.parameters_of(slot)[0].grad is not None
    }


def trained_by(recipe):
    size = {"shape": (1, 8, 8), "num_classes": 5, "channels": 4, "cells": 1}
    return supernet_of("nasbench201", recipe, seed=0, **size)


def labelled(count):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(count, 1, 8, 8, generator=generator)
    return HeldExamples(x, torch.randint(5, (count,), generator=generator))


def norms_of_node_3(net):
    """Scale of every norm of node 3 of the first cell."""
    found = (slot for name, slot in net.slots.items() if name.startswith("layers.0.nodes.3."))
    return {slot.name: net.source.parameters_of(slot)[0] for slot in found}


def spread_norms(net):
    """Norms that are not alike, so that a wrong one shows."""
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for slot in net.slots.values():
            for tensor in net.source.parameters_of(slot) if slot.kind == "norm" else ():
                tensor += 0.3 * torch.randn(tensor.shape, generator=generator)


def test_a_node_has_a_norm_for_each_set_of_its_predecessors():
    names = [n for n in supernet(node_norms=True).slots if n.startswith("layers.0.nodes.")]

    counts = [sum(n.startswith(f"layers.0.nodes.{node}.") for n in names) for node in (1, 2, 3)]
    assert counts == [1, 3, 7]


@pytest.mark.parametrize(
    ("arch", "norms"),
    [
        ((CONV,) * 6, {"1.0", "2.0-1", "3.0-1-2"}),
        ((NONE, NONE, NONE, CONV, NONE, NONE), {"3.0"}),
        ((CONV, NONE, CONV, NONE, NONE, SKIP), {"1.0", "2.1", "3.2"}),
        ((CONV, CONV, NONE, NONE, SKIP, CONV), {"1.0", "2.0", "3.1-2"}),
        ((NONE, NONE, CONV, NONE, NONE, CONV), set()),
    ],
)
def test_only_the_norm_of_the_path_gets_a_gradient(arch, norms, images):
    assert used(supernet(node_norms=True), arch, images) == norms


def test_mixtures_use_the_norm_of_all_their_predecessors(images):
    net = supernet(node_norms=True)
    soft = mixture([[0.2] * 5] * 6)

    net(images, soft)[:, 0].square().sum().backward()

    slot = net.slots["layers.0.nodes.3.0-1-2"]
    assert net.source.parameters_of(slot)[0].grad is not None


@pytest.mark.parametrize("kind", ["tracked", "batch", "recalibrated"])
def test_of_seven_norms_of_a_node_a_step_of_a_recipe_trains_one(kind):
    recipe = recipes["spos"](epochs=1, batch_size=8, norms=kind, node_norms=True)
    training = Training(trained_by(recipe), recipe, labelled(8), seed=3)
    before = {name: scale.clone() for name, scale in norms_of_node_3(training.net).items()}

    training.step()

    after = norms_of_node_3(training.net)
    moved = {name for name, scale in after.items() if not torch.equal(scale, before[name])}
    assert len(before) == 7
    assert moved == {f"layers.0.nodes.3.{THE_SET}"}


def test_tracked_statistics_are_kept_for_each_set_of_predecessors():
    recipe = recipes["spos"](epochs=4, batch_size=8, norms="tracked", node_norms=True)
    training = Training(trained_by(recipe), recipe, labelled(8), seed=3)

    places = [set(training.norms.training.moments) for _ in training.run()]

    of_node_3 = [{p for p in found if p.startswith("layers.0.nodes.3.")} for found in places]
    assert of_node_3[0] == {f"layers.0.nodes.3.{THE_SET}"}
    assert len(of_node_3[-1]) > 1


def test_without_them_a_training_is_what_it_was():
    plain, asked = recipes["spos"](batch_size=8), recipes["spos"](batch_size=8, node_norms=False)

    losses = [
        Training(trained_by(recipe), recipe, labelled(8), seed=3).step().losses
        for recipe in (plain, asked)
    ]

    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    "arch",
    [(CONV,) * 6, (CONV, NONE, CONV, NONE, NONE, SKIP), (NONE, NONE, CONV, NONE, NONE, CONV)],
)
def test_a_subnet_by_itself_has_one_norm_at_each_node_that_is_run(arch, images):
    net = supernet(node_norms=True)
    spread_norms(net)
    norms = calibrated(lambda x, n: net(x, onehot(arch), n), [images, images.flip(0) * 2])

    plain = net.collapse(arch, norms).eval()

    nodes = {name.rsplit(".", 2)[-2] for name in plain.state_dict() if ".norms." in name}
    assert nodes == {norm.partition(".")[0] for norm in used(net, arch, images)}
    with torch.no_grad():
        torch.testing.assert_close(plain(images), net(images, onehot(arch), norms))


def test_a_space_without_such_norms_is_refused():
    recipe = recipes["fairnas"](node_norms=True)

    assert unfit_reason(recipe, "nasbench201") is None
    assert unfit_reason(recipe, "cell_64") == "the supernet of cell_64 has no norms at nodes"
