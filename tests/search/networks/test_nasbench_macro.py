import csv
import gzip
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from search.networks import networks
from search.spaces.nasbench_macro import nasbench_macro

TABLE = Path(__file__).parents[4] / "shared" / "data" / "nasbench_macro_cifar10.csv.gz"
IMAGE = (3, 32, 32)


def build(digits, device="meta", shape=IMAGE, num_classes=10, **params):
    return networks["nasbench_macro"](
        nasbench_macro.decode(digits),
        shape=shape,
        num_classes=num_classes,
        generator=torch.Generator().manual_seed(0),
        device=torch.device(device),
        **params,
    )


def counts(digits):
    """Parameters and multiply-adds of one image."""
    net = build(digits)
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(2, *IMAGE, device="meta"))
    return sum(p.numel() for p in net.parameters()), counter.get_total_flops() // 4


@pytest.mark.skipif(not TABLE.exists(), reason=f"the published table {TABLE.name} is absent")
def test_every_network_has_its_published_parameters_and_multiply_adds():
    # Every layer has its own share, whatever the others are: 17 networks tell all 6,561 apart.
    nothing = counts("00000000")
    shares = {
        (place, digit): [
            n - none
            for n, none in zip(
                counts("0" * place + digit + "0" * (7 - place)), nothing, strict=True
            )
        ]
        for place in range(8)
        for digit in "012"
    }
    with gzip.open(TABLE, "rt") as file:
        published = {
            row["arch"]: [int(row["params"]), int(row["flops"])] for row in csv.DictReader(file)
        }

    ours = {
        digits: [
            none + sum(shares[spot][k] for spot in enumerate(digits))
            for k, none in enumerate(nothing)
        ]
        for digits in published
    }

    assert ours == published


@pytest.mark.parametrize(
    ("digits", "params", "macs"),
    [("00000000", 387_882, 7_713_280), ("00000002", 1_219_370, 20_910_592)],
)
def test_counts_are_as_published(digits, params, macs):
    assert counts(digits) == (params, macs)


def test_layers_halve_the_size_and_double_the_channels_at_each_stage():
    net = build("01201201", "cpu", channels=2)
    x_BCHW = torch.zeros(2, 3, 16, 16)
    shapes = []
    for layer in net.layers:
        layer.register_forward_hook(lambda _m, _i, y: shapes.append(tuple(y.shape[1:])))

    net(x_BCHW)

    assert shapes == [(4, 8, 8)] * 2 + [(8, 4, 4)] * 3 + [(16, 2, 2)] * 3


def test_equal_classes_are_equal_networks():
    x_BCHW = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))

    first, second = (build(d, "cpu", channels=4)(x_BCHW) for d in ("11210120", "11201102"))

    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_bottleneck_adds_what_comes_in_where_the_shape_stays():
    net = build("01000000", "cpu", channels=2)
    block = net.layers[1].eval()
    torch.nn.init.zeros_(block.narrow[0].weight)
    x_BCHW = torch.rand(2, 4, 4, 4, generator=torch.Generator().manual_seed(1))

    torch.testing.assert_close(block(x_BCHW), x_BCHW)


def test_exported_code_runs_without_archfront(tmp_path):
    params = {"channels": 4, "features": 16}
    arch = nasbench_macro.decode("01201201")
    file = tmp_path / "net.py"
    file.write_text(
        nasbench_macro.python_source(arch, shape=(1, 16, 16), num_classes=7, params=params)
    )

    output = subprocess.run(
        [sys.executable, "-I", str(file)], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout

    net = build("01201201", shape=(1, 16, 16), num_classes=7, **params)
    assert output.split() == ["(2,", "7)", str(sum(p.numel() for p in net.parameters()))]
    assert "search" not in file.read_text()


def test_exporting_code_does_not_load_torch():
    program = (
        "import sys; from search.spaces.nasbench_macro import nasbench_macro as s; "
        "s.python_source((1,) * 8, shape=(3, 8, 8), num_classes=2, params={}); "
        "print('torch' in sys.modules)"
    )

    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert output.strip() == "False"
