"""Networks as code."""

import ast
import subprocess
import sys
from functools import cache

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from search.errors import ExportError
from search.export.code import code_of, network_from
from search.networks import networks
from tests.search.export.making import SHAPE, logits, network


@pytest.fixture(params=networks)
def name(request):
    return request.param


@pytest.fixture
def images():
    return torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(3))


def written(net):
    code = code_of(net, SHAPE, title="A network")
    other = network_from(code.text, code.name)
    other.load_state_dict(code.weights)
    return code, other


@cache
def example(name):
    """A network of a space, and its code."""
    net = network(name)
    return net, code_of(net, SHAPE, title="A network")


def test_code_computes_what_the_network_computes(name, images):
    net, code = example(name)
    other = network_from(code.text, code.name)
    other.load_state_dict(code.weights)

    torch.testing.assert_close(logits(other, images), logits(net, images))


def test_code_knows_nothing_of_us_and_fits_its_lines(name):
    _, code = example(name)

    imported = {
        (alias.name if isinstance(node, ast.Import) else node.module).partition(".")[0]
        for node in ast.walk(ast.parse(code.text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert imported <= {"torch", "safetensors"}
    assert max(map(len, code.text.splitlines())) <= 99


def test_code_is_the_same_for_equal_networks():
    assert written(network("darts"))[0].text == example("darts")[1].text


def test_network_is_left_as_it_was(images):
    net = network("nasbench201")
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}

    code_of(net, SHAPE, title="A network")

    assert net.training
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)


def test_equal_blocks_are_one_class_with_arguments():
    net = network("nasbench201", arch=(3, 3, 3, 3, 3, 3))

    code, _ = written(net)

    assert code.text.count("class Cell") == 1
    assert [f"Cell({channels})" in code.text for channels in (4, 8, 16)] == [True] * 3


def test_branches_that_never_run_are_left_out():
    dead = (3, 0, 0, 1, 0, 0)  # the convolution leads to a node that leads nowhere
    net = network("nasbench201", arch=dead)

    code, _ = written(net)

    assert any(".convolutions." in key for key in net.state_dict())
    assert not any(".convolutions." in key for key in code.weights)


def test_sizes_are_numbers_and_the_count_of_images_is_not(images):
    class Flattened(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(192, 5)

        def forward(self, x_BCHW):
            return self.linear(x_BCHW.reshape(x_BCHW.shape[0], x_BCHW.shape[1] * 64))

    code, other = written(Flattened())

    assert "x_BCHW.reshape(x_BCHW.shape[0], 192)" in code.text
    assert logits(other, images).shape == (5, 5)


def test_own_parameters_are_written(images):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.full((3, 1, 1), 2.0))

        def forward(self, x_BCHW):
            return (x_BCHW * self.scale).mean(dim=(2, 3))

    net = Scaled()

    _, other = written(net)

    torch.testing.assert_close(logits(other, images), logits(net, images))


def test_what_depends_on_values_cannot_be_written():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(8, 2)

        def forward(self, x_BCHW):
            return self.linear(x_BCHW) if x_BCHW.sum() > 0 else x_BCHW

    with pytest.raises(ExportError, match="Gated cannot be written as code"):
        code_of(Gated(), SHAPE, title="A network")


def test_code_runs_where_nothing_of_ours_is(tmp_path, images):
    net = network("mobile")
    code, _ = written(net)
    (tmp_path / "model.py").write_text(code.text, "utf-8")
    save_file(code.weights, tmp_path / "weights.safetensors")
    save_file({"x": images, "y": logits(net, images)}, tmp_path / "expected.safetensors")
    program = (
        "import sys; sys.path[:] = [p for p in sys.path if not p.endswith('main')]\n"
        "from model import load\n"
        "import torch; from safetensors.torch import load_file\n"
        "expected = load_file('expected.safetensors')\n"
        "with torch.no_grad(): logits = load()(expected['x'])\n"
        "torch.testing.assert_close(logits, expected['y'])\n"
        "assert not {'search', 'app', 'db', 'workers'} & set(sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stderr
