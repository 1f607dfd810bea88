"""A norm for every set of predecessors of a node."""

import pytest
import torch

from search.supernets.mix import mixture, onehot
from search.supernets.mixtures import build

NONE, SKIP, CONV = 0, 1, 3


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


def test_subnets_with_norms_at_nodes_have_no_plain_network():
    with pytest.raises(ValueError, match="no norms at nodes"):
        supernet(node_norms=True).collapse((CONV,) * 6)
