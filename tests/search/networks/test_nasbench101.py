import csv
import gzip
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from search.networks import networks
from search.networks._nasbench101 import Cell, vertex_channels
from search.spaces.nasbench101 import nasbench101

TABLE = Path(__file__).parents[4] / "shared" / "data" / "nasbench101_suitezero500.csv.gz"
IMAGE = (3, 32, 32)
NAMES = {"3": "conv3x3-bn-relu", "1": "conv1x1-bn-relu", "p": "maxpool3x3"}

# The cell of the benchmark's own example, and its number of trainable parameters there.
EXAMPLE = (
    "(0,1,1,1,0,1,0, 0,0,0,0,0,0,1, 0,0,0,0,0,0,1, 0,0,0,0,1,0,0, 0,0,0,0,0,0,1, 0,0,0,0,0,0,1,"
    " 0,0,0,0,0,0,0, 0,3,4,4,4,2,1)"
)


def build(text, device="meta", shape=IMAGE, num_classes=10, **params):
    return networks["nasbench101"](
        nasbench101.decode(text),
        shape=shape,
        num_classes=num_classes,
        generator=torch.Generator().manual_seed(0),
        device=torch.device(device),
        **params,
    )


def num_params(net):
    return sum(p.numel() for p in net.parameters())


def published(step):
    with gzip.open(TABLE, "rt") as file:
        return list(csv.DictReader(file))[::step]


def flops(net):
    """As the table counts them: multiply-adds, 3 for each normalised value, pools by area."""
    extra = 0

    def add(module, _args, y):
        nonlocal extra
        per_value = 3 if isinstance(module, torch.nn.BatchNorm2d) else module.kernel_size**2
        extra += per_value * y[0].numel()

    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.MaxPool2d):
            module.register_forward_hook(add)
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(2, *IMAGE, device="meta"))
    return counter.get_total_flops() // 4 + extra


def test_example_of_the_benchmark_has_its_published_parameters():
    assert num_params(build(EXAMPLE)) == 2_694_282


@pytest.mark.skipif(not TABLE.exists(), reason=f"the published table {TABLE.name} is absent")
def test_published_cells_have_their_published_parameters():
    rows = published(step=5)

    ours = [num_params(build(row["arch"])) for row in rows]

    assert ours == [round(float(row["params"]) * 1e6) for row in rows]


@pytest.mark.skipif(not TABLE.exists(), reason=f"the published table {TABLE.name} is absent")
def test_published_cells_have_their_published_operations():
    rows = published(step=50)

    ours = [flops(build(row["arch"])) for row in rows]

    assert ours == [round(float(row["flops"]) * 1e6) for row in rows]


@pytest.mark.parametrize(
    ("edges", "last", "channels"),
    [
        ([(0, 1)], 1, [16, 32]),
        ([(0, 1), (1, 2)], 2, [16, 32, 32]),
        ([(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)], 4, [16, 11, 11, 10, 32]),
        ([(0, 1), (1, 2), (1, 3), (2, 4), (3, 4), (0, 4)], 4, [16, 16, 16, 16, 32]),
        ([(0, 1), (1, 2), (2, 3), (2, 5), (3, 5), (0, 4), (4, 5)], 5, [16, 11, 11, 11, 10, 32]),
    ],
)
def test_channels_are_split_evenly_and_carried_backwards(edges, last, channels):
    assert vertex_channels(edges, last, 16, 32) == channels


def test_input_of_the_output_is_projected_and_added():
    cell = Cell(["maxpool3x3"], [(0, 1), (0, 2), (1, 2)], 4, 4)
    x_BCHW = torch.rand(2, 4, 5, 5, generator=torch.Generator().manual_seed(0))

    y_BCHW = cell(x_BCHW)

    pooled = cell.operations[0](cell.projections["1"](x_BCHW))
    torch.testing.assert_close(y_BCHW, pooled + cell.projections["2"](x_BCHW))


def test_vertices_add_up_the_first_channels_of_what_leads_to_them():
    edges = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (0, 3)]
    cell = Cell(["maxpool3x3", "maxpool3x3"], edges, 3, 5)
    x_BCHW = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))

    y_BCHW = cell(x_BCHW)

    first = cell.operations[0](cell.projections["1"](x_BCHW))
    second = cell.operations[1](first[:, :2] + cell.projections["2"](x_BCHW))
    joined = torch.cat([first, second], dim=1)
    assert cell.channels == [3, 3, 2, 5]
    torch.testing.assert_close(y_BCHW, joined + cell.projections["3"](x_BCHW))


def test_input_straight_to_the_output_is_only_projected():
    cell = Cell([], [(0, 1)], 3, 4)
    x_BCHW = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))

    torch.testing.assert_close(cell(x_BCHW), cell.projections["1"](x_BCHW))


def test_invalid_archs_are_refused():
    with pytest.raises(ValueError, match="not connected"):
        build(str((0,) * 50 + (4,) * 5 + (1,)))


def test_exported_code_runs_without_archfront(tmp_path):
    params = {"channels": 8, "stacks": 2, "modules": 1}
    arch = nasbench101.decode(EXAMPLE)
    file = tmp_path / "net.py"
    file.write_text(
        nasbench101.python_source(arch, shape=(1, 16, 16), num_classes=7, params=params)
    )

    output = subprocess.run(
        [sys.executable, "-I", str(file)], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout

    net = build(EXAMPLE, shape=(1, 16, 16), num_classes=7, **params)
    assert output.split() == ["(2,", "7)", str(num_params(net))]
    assert "search" not in file.read_text()


def test_exporting_code_does_not_load_torch():
    program = (
        "import sys; from search.spaces.nasbench101 import nasbench101 as s; "
        "import numpy as np; a = s.sample(np.random.default_rng(0)); "
        "s.python_source(a, shape=(3, 8, 8), num_classes=2, params={}); "
        "print('torch' in sys.modules)"
    )

    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert output.strip() == "False"
