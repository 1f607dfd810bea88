import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from search.networks import networks
from search.networks._nasbench201 import Cell, Pool
from search.networks._weights import with_drawn_weights
from search.spaces.nasbench201 import nasbench201

LETTERS = {"n": 0, "s": 1, "1": 2, "3": 3, "p": 4}
DISCONNECTED = "33snnn"

archs = st.tuples(*[st.integers(0, 4)] * 6)


def arch_of(letters):
    return tuple(LETTERS[letter] for letter in letters)


def build(arch, device="cpu", num_classes=10, **params):
    return networks["nasbench201"](
        arch,
        shape=(3, 32, 32),
        num_classes=num_classes,
        generator=torch.Generator().manual_seed(0),
        device=torch.device(device),
        **params,
    )


def set_plain(net):
    for cell in net.modules():
        if isinstance(cell, Cell):
            cell.runs_dead_edges = True
    return net


@pytest.mark.parametrize(
    ("letters", "num_params"),
    [
        ("333333", 1_531_546),
        ("111111", 241_306),
        ("ssssss", 73_306),
        ("nnnnnn", 73_306),
        ("pppppp", 73_306),
        ("333s13", 1_073_466),
    ],
)
def test_parameters_are_as_many_as_published(letters, num_params):
    net = build(arch_of(letters), device="meta")

    assert sum(p.numel() for p in net.parameters()) == num_params


@pytest.mark.parametrize(("num_classes", "more"), [(100, 5_850), (120, 7_150)])
def test_more_classes_add_the_parameters_of_the_last_layer(num_classes, more):
    net = build(arch_of("ssssss"), device="meta", num_classes=num_classes)

    assert sum(p.numel() for p in net.parameters()) == 73_306 + more


@settings(max_examples=25, deadline=None)
@given(archs)
def test_pruned_network_computes_what_the_plain_one_does(arch):
    net = build(arch, channels=2, cells=1)
    x_BCHW = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))

    pruned_BK = net(x_BCHW)

    torch.testing.assert_close(pruned_BK, set_plain(net)(x_BCHW))


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pool_is_the_average_inside_the_image(size):
    x_BCHW = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))

    pooled_BCHW = Pool()(x_BCHW)

    expected_BCHW = Pool()(x_BCHW.double()).float()  # torch's own in other precisions
    torch.testing.assert_close(pooled_BCHW, expected_BCHW)


def test_dead_convolutions_are_not_run():
    net = build(arch_of("n3331s"), channels=2, cells=1)
    ran = set()
    for name, module in net.named_modules():
        module.register_forward_hook(lambda *_, name=name: ran.add(name))

    net(torch.zeros(2, 3, 8, 8))

    assert {"layers.0.convolutions.0-2", "layers.0.convolutions.0-3"} <= ran
    assert not {"layers.0.convolutions.1-2", "layers.0.convolutions.1-3"} & ran


def test_disconnected_network_gives_equal_logits_for_every_image():
    net = build(arch_of(DISCONNECTED), channels=2, cells=1)

    logits_BK = net(torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)))

    torch.testing.assert_close(logits_BK, logits_BK[:1].expand(4, 10))


def test_weights_are_uniform_within_one_over_the_root_of_the_fan_in():
    weight = build(arch_of("333333")).layers[-1].convolutions["0-1"][0].weight

    bound = (64 * 9) ** -0.5

    assert 0.99 * bound < weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)


def test_layers_that_nobody_fills_are_refused():
    with torch.device("meta"):
        net = torch.nn.Sequential(torch.nn.Conv1d(2, 2, 1))

    with pytest.raises(TypeError, match="nobody fills"):
        with_drawn_weights(net, generator=torch.Generator(), device=torch.device("cpu"))


def test_exported_code_runs_without_archfront(tmp_path):
    arch = arch_of("333s13")
    params = {"channels": 4, "cells": 1}
    file = tmp_path / "net.py"
    file.write_text(
        nasbench201.python_source(arch, shape=(3, 16, 16), num_classes=7, params=params)
    )

    output = subprocess.run(
        [sys.executable, "-I", str(file)], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout

    num_params = sum(p.numel() for p in build(arch, "meta", 7, **params).parameters())
    assert output.split() == ["(2,", "7)", str(num_params)]
    assert "search" not in file.read_text().replace("research", "")


def test_exporting_code_does_not_load_torch():
    program = (
        "import sys; from search.spaces.nasbench201 import nasbench201 as s; "
        "s.python_source((1,) * 6, shape=(3, 8, 8), num_classes=2, params={}); "
        "print('torch' in sys.modules)"
    )

    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert output.strip() == "False"
