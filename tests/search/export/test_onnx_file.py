"""Networks as ONNX."""

import numpy as np
import onnx
import pytest
import torch

from search.errors import ExportError
from search.export.code import code_of, network_from
from search.export.onnx_file import OPSET, OnnxNetwork, onnx_of
from tests.search.export.making import SHAPE, logits, network


def written(name):
    net = network(name)
    code = code_of(net, SHAPE, title="A network")
    other = network_from(code.text, code.name)
    other.load_state_dict(code.weights)
    return net, other


@pytest.fixture(scope="module")
def exported():
    net, other = written("elastic_tiny")
    return net, onnx_of(other, SHAPE)


@pytest.mark.parametrize("num", [1, 5])
def test_it_takes_any_number_of_images(exported, num):
    net, content = exported
    x_BCHW = torch.randn(num, *SHAPE, generator=torch.Generator().manual_seed(1))

    found = OnnxNetwork(content)(x_BCHW.numpy())

    np.testing.assert_allclose(found, logits(net, x_BCHW).numpy(), atol=1e-5)


def test_it_says_its_opset_and_nothing_of_the_machine(exported):
    model = onnx.load_from_string(exported[1])

    assert [o.version for o in model.opset_import if not o.domain] == [OPSET]
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert b".py" not in exported[1]


def test_what_cannot_be_exported_says_why():
    class Counting(torch.nn.Module):
        def forward(self, x_BCHW):
            return x_BCHW if x_BCHW.sum() > 0 else -x_BCHW

    with pytest.raises(ExportError, match="no ONNX file could be made"):
        onnx_of(Counting(), SHAPE)


@pytest.mark.slow  # the exporter takes seconds for a network
@pytest.mark.parametrize("name", ["darts", "mobile", "nasbench101", "nasbench_nlp", "vit"])
def test_networks_of_other_spaces_are_exported(name):
    net, other = written(name)
    x_BCHW = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(1))

    found = OnnxNetwork(onnx_of(other, SHAPE))(x_BCHW.numpy())

    np.testing.assert_allclose(found, logits(net, x_BCHW).numpy(), atol=1e-4)
