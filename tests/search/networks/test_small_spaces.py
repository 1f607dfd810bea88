"""Networks of the small spaces for experiments with weight sharing."""

import pytest
import torch

from search.networks import networks
from search.spaces import spaces


def build(name, arch, shape=(1, 8, 8), device="cpu", **params):
    return networks[name](
        arch,
        shape=shape,
        num_classes=10,
        generator=torch.Generator().manual_seed(0),
        device=torch.device(device),
        **params,
    )


def count(net):
    return sum(p.numel() for p in net.parameters())


def test_the_largest_tiny_network_has_its_parameters_counted_by_hand():
    # stem 9 * 32 + 64; a block 32*64 + 64*25 + 64*32 and scale and shift of 64, 64 and 32
    block = 2 * 32 * 64 + 64 * 25 + 2 * (64 + 64 + 32)

    assert count(build("elastic_tiny", (3, 2, 2, 1) * 2)) == 352 + 6 * block + 330


def test_the_second_stage_halves_the_size():
    net = build("elastic_tiny", (0,) * 8)
    shapes = []
    for stage in net.stages:
        stage.register_forward_hook(lambda _m, _i, y: shapes.append(tuple(y.shape[1:])))

    net(torch.zeros(2, 1, 8, 8))

    assert shapes == [(8, 8, 8), (8, 4, 4)]


@pytest.mark.parametrize(
    ("operation", "params"),
    # of one edge with 16 channels: two times depthwise and 1x1, or once
    [(0, 0), (1, 2 * (16 * 9 + 256)), (2, 2 * (16 * 25 + 256)), (3, 16 * 25 + 256)],
)
def test_an_operation_adds_its_weights_on_every_edge_of_every_cell(operation, params):
    nothing = count(build("cell_64", (0, 0, 0)))

    assert count(build("cell_64", (operation,) * 3)) - nothing == 3 * 4 * params


def test_cells_keep_the_size_of_the_image():
    net = build("cell_27", (0, 1, 2))
    shapes = []
    for cell in net.cells:
        cell.register_forward_hook(lambda _m, _i, y: shapes.append(tuple(y.shape[1:])))

    net(torch.zeros(2, 1, 8, 8))

    assert shapes == [(16, 8, 8)] * 2


@pytest.mark.parametrize("name", ["cell_27", "cell_64", "elastic_tiny"])
def test_every_choice_changes_the_network(name):
    space = spaces[name]
    arch = space.at(0)

    counts = {count(build(name, other)) for other in space.neighbours(arch)}

    assert len(counts) > 1
