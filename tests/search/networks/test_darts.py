import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from search.networks import networks
from search.networks._darts import FactorizedReduce, operation
from search.spaces.darts import cells, darts, genotype

# The second-order result of the paper, which gives it 3.3 million parameters.
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), "
    "('dil_conv_3x3', 2)], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), "
    "('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), "
    "('skip_connect', 2), ('max_pool_3x3', 1)])"
)


def build(arch, device="meta", shape=(3, 32, 32), num_classes=10, **params):
    return networks["darts"](
        arch,
        shape=shape,
        num_classes=num_classes,
        generator=torch.Generator().manual_seed(0),
        device=torch.device(device),
        **params,
    )


def num_params(net):
    return sum(p.numel() for p in net.parameters())


def edge_counts(name, channels, size, stride):
    """Parameters and multiply-adds of one operation, by hand; *size* is the side of its output."""
    area, norm, mix = size**2, 2 * channels, channels**2
    kind, _, kernel = name.rpartition("_")
    depthwise = channels * int(kernel[0]) ** 2 if "conv" in kind else 0
    if kind == "sep_conv":
        return 2 * (depthwise + mix + norm), 2 * (depthwise + mix) * area
    if kind == "dil_conv":
        return depthwise + mix + norm, (depthwise + mix) * area
    if name == "skip_connect" and stride == 2:
        return mix + norm, mix * area
    return 0, 0


def hand_counts(arch, num_channels, num_cells, size=32, num_classes=10):
    """Parameters and multiply-adds of the whole network, by hand."""
    width = 3 * num_channels
    widths, channels = [width, width], num_channels
    params, macs = 27 * width + 2 * width, 27 * width * size**2
    for place in range(num_cells):
        is_reduction = place in (num_cells // 3, 2 * num_cells // 3)
        channels *= 1 + is_reduction
        prepared = sum(widths[-2:]) * channels  # both on the side of the newer input
        params, macs = params + prepared + 4 * channels, macs + prepared * size**2
        size //= 1 + is_reduction
        for name, source in genotype(cells(arch)[is_reduction]):
            stride = 2 if is_reduction and source < 2 else 1
            more = edge_counts(name, channels, size, stride)
            params, macs = params + more[0], macs + more[1]
        widths.append(4 * channels)
    last = widths[-1] * num_classes
    return params + last + num_classes, macs + last


def counts(net, size=32):
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(2, 3, size, size, device="meta"))
    return num_params(net), counter.get_total_flops() // 4


def test_published_cells_have_as_many_parameters_as_published():
    arch = darts.decode(DARTS_V2)

    net = build(arch, channels=36, cells=20)

    assert num_params(net) == hand_counts(arch, 36, 20)[0] == 3_349_342


@pytest.mark.parametrize(("channels", "num_cells"), [(16, 8), (4, 1), (4, 2)])
def test_counts_are_those_by_hand(channels, num_cells):
    arch = darts.decode(DARTS_V2)

    net = build(arch, channels=channels, cells=num_cells)

    assert counts(net) == hand_counts(arch, channels, num_cells)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, darts.size - 1).map(darts.at))
def test_counts_of_any_cells_are_those_by_hand(arch):
    net = build(arch, channels=4, cells=5)

    assert counts(net) == hand_counts(arch, 4, 5)


def test_reduction_cells_stand_at_one_and_two_thirds():
    net = build(darts.decode(DARTS_V2), "cpu", channels=2, cells=6)
    shapes = []
    for cell in net.cells:
        cell.register_forward_hook(lambda _m, _i, y: shapes.append(tuple(y.shape[1:])))

    net(torch.zeros(2, 3, 16, 16))

    wide, half, quarter = (8, 16, 16), (16, 8, 8), (32, 4, 4)
    assert shapes == [wide, wide, half, half, quarter, quarter]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize(
    "name",
    [
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "dil_conv_3x3",
        "dil_conv_5x5",
    ],
)
def test_operations_keep_or_halve_the_size(name, size, stride):
    y_BCHW = operation(name, 4, stride)(torch.zeros(2, 4, size, size))

    side = -(-size // stride)
    assert y_BCHW.shape == (2, 4, side, side)


def test_factorized_reduce_reads_even_and_odd_pixels():
    reduce = FactorizedReduce(1, 2)
    for convolution in (reduce.even, reduce.odd):
        torch.nn.init.ones_(convolution.weight)
    reduce.norm = torch.nn.Identity()
    x_BCHW = torch.arange(16.0).view(1, 1, 4, 4)

    even_HW, odd_HW = reduce(x_BCHW)[0].unbind()

    assert even_HW.tolist() == [[0, 2], [8, 10]]
    assert odd_HW.tolist() == [[5, 7], [13, 15]]


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 7, 9)])
def test_small_and_odd_images_pass(shape):
    net = build(darts.at(12345), "cpu", shape=shape, num_classes=3, channels=2, cells=3)

    assert net(torch.zeros(2, *shape)).shape == (2, 3)


def test_exported_code_runs_without_archfront(tmp_path):
    params = {"channels": 4, "cells": 3}
    arch = darts.decode(DARTS_V2)
    file = tmp_path / "net.py"
    file.write_text(darts.python_source(arch, shape=(1, 16, 16), num_classes=7, params=params))

    output = subprocess.run(
        [sys.executable, "-I", str(file)], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout

    net = build(arch, shape=(1, 16, 16), num_classes=7, **params)
    assert output.split() == ["(2,", "7)", str(num_params(net))]
    assert "from search" not in file.read_text()


def test_exporting_code_does_not_load_torch():
    program = (
        "import sys; from search.spaces.darts import darts as s; "
        "s.python_source(s.at(0), shape=(3, 8, 8), num_classes=2, params={}); "
        "print('torch' in sys.modules)"
    )

    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert output.strip() == "False"
