import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from search.networks import networks
from search.networks._nasbench_nlp import Cell, Layer
from search.spaces.nasbench_nlp import nasbench_nlp

TABLE = Path(__file__).parents[4] / "shared" / "data" / "nasbench_nlp.parquet"
VOCABULARY = {"ptb": 10_000, "wikitext-2": 33_278}


def node(operation, *inputs):
    return {"op": operation, "input": list(inputs)}


RNN = {"f": node("linear", "x", "h_prev_0"), "h_new_0": node("activation_tanh", "f")}
LSTM = {
    **{name: node("linear", "x", "h_prev_0") for name in "ifgo"},
    "in": node("activation_sigm", "i"),
    "forget": node("activation_sigm", "f"),
    "new": node("activation_tanh", "g"),
    "out": node("activation_sigm", "o"),
    "kept": node("elementwise_prod", "forget", "h_prev_1"),
    "added": node("elementwise_prod", "in", "new"),
    "h_new_1": node("elementwise_sum", "kept", "added"),
    "shown": node("activation_tanh", "h_new_1"),
    "h_new_0": node("elementwise_prod", "out", "shown"),
}
GRU = {
    "r": node("linear", "x", "h_prev_0"),
    "z": node("linear", "x", "h_prev_0"),
    "reset": node("activation_sigm", "r"),
    "update": node("activation_sigm", "z"),
    "rh": node("elementwise_prod", "reset", "h_prev_0"),
    "n": node("linear", "x", "rh"),
    "new": node("activation_tanh", "n"),
    "h_new_0": node("blend", "update", "h_prev_0", "new"),
}


def build(recipe, device="meta", shape=(5, 1, 7), num_classes=5, **params):
    return networks["nasbench_nlp"](
        nasbench_nlp.decode(json.dumps(recipe)),
        shape=shape,
        num_classes=num_classes,
        generator=torch.Generator().manual_seed(0),
        device=torch.device(device),
        **params,
    )


def num_params(net):
    return sum(p.numel() for p in net.parameters())


def random(*size):
    return torch.rand(*size, generator=torch.Generator().manual_seed(1)) - 0.5


def copy(into, weight_xh, bias):
    """Weights of a linear node of x and one hidden state."""
    for layer, weight in zip(into.maps, weight_xh, strict=True):
        layer.weight.data = weight.detach()
    into.maps[0].bias.data = bias.detach()


@pytest.mark.skipif(not TABLE.exists(), reason=f"the published table {TABLE.name} is absent")
def test_published_cells_have_their_published_parameters():
    table = pq.read_table(TABLE, columns=["dataset", "recepie", "num_params"]).to_pylist()
    rows = [*table[:3], *table[5::700], *table[-345::60]]

    # The benchmark ties the embedding to the classifier; here each has weights of its own.
    ours = [
        num_params(
            build(
                json.loads(row["recepie"]),
                shape=(size := VOCABULARY[row["dataset"]], 1, 2),
                num_classes=size,
                embedding=400,
                hidden=600,
                layers=3,
            )
        )
        - 400 * size
        for row in rows
    ]

    assert ours == [row["num_params"] for row in rows]


def test_rnn_recipe_is_torchs_rnn():
    reference, layer = torch.nn.RNN(4, 6), Layer(RNN, 4, 6)
    copy(
        layer.cell.linear["f"],
        (reference.weight_ih_l0, reference.weight_hh_l0),
        reference.bias_ih_l0 + reference.bias_hh_l0,
    )
    x_WBF = random(5, 3, 4)

    torch.testing.assert_close(layer(x_WBF), reference(x_WBF)[0])


def test_lstm_recipe_is_torchs_lstm():
    reference, layer = torch.nn.LSTM(4, 6), Layer(LSTM, 4, 6)
    parts = zip(
        "ifgo",
        reference.weight_ih_l0.chunk(4),
        reference.weight_hh_l0.chunk(4),
        (reference.bias_ih_l0 + reference.bias_hh_l0).chunk(4),
        strict=True,
    )
    for name, weight_x, weight_h, bias in parts:
        copy(layer.cell.linear[name], (weight_x, weight_h), bias)
    x_WBF = random(5, 3, 4)

    torch.testing.assert_close(layer(x_WBF), reference(x_WBF)[0])


def test_gru_recipe_blends_old_and_new_as_by_hand():
    # Torch's own resets after the linear map; the recipe, like the first paper, before it.
    cell = Cell(GRU, 4, 6)
    x_BF, h_BD = random(3, 4), random(3, 6)

    def linear(name, *inputs):
        return cell.linear[name](*inputs)

    update_BD = linear("z", x_BF, h_BD).sigmoid()
    new_BD = linear("n", x_BF, linear("r", x_BF, h_BD).sigmoid() * h_BD).tanh()
    (h_new_BD,) = cell(x_BF, [h_BD])

    torch.testing.assert_close(h_new_BD, update_BD * h_BD + (1 - update_BD) * new_BD)


def test_leaky_relu_lets_a_hundredth_through():
    cell = Cell({"h_new_0": node("activation_leaky_relu", "h_prev_0")}, 2, 2)

    (h_BD,) = cell(torch.zeros(1, 2), [torch.tensor([[-1.0, 1.0]])])

    assert h_BD.tolist() == [[pytest.approx(-0.01), 1]]


def test_symbols_are_embedded_by_look_up():
    net = build(RNN, "cpu")
    seen = []
    net.layers.register_forward_hook(lambda _m, args, _y: seen.append(args[0]))
    symbols_BW = torch.tensor([[0, 1, 2, 3, 4, 0, 1], [4, 4, 4, 4, 4, 4, 3]])
    x_BCHW = torch.nn.functional.one_hot(symbols_BW, 5).float().permute(0, 2, 1).unsqueeze(2)

    net(x_BCHW)

    expected_WBD = torch.nn.functional.embedding(symbols_BW.T, net.embedding.weight.T)
    torch.testing.assert_close(seen[0], expected_WBD)


def test_later_columns_do_not_change_what_a_network_knew_before():
    net = build(RNN, "cpu")
    x_BCHW = random(2, 5, 1, 7)
    outputs = []
    net.layers.register_forward_hook(lambda _m, _a, y: outputs.append(y))

    net(x_BCHW)
    net(x_BCHW[..., :4])

    torch.testing.assert_close(outputs[0][:4], outputs[1])


def test_counts_are_those_by_hand():
    # By hand: 3 x 8 values to 4, then 8 steps of 3 layers of x and h, then 5 classes.
    net = build(RNN, shape=(3, 8, 8), embedding=4, hidden=6, layers=3)
    weights = [24 * 4, (4 + 6) * 6, (6 + 6) * 6, (6 + 4) * 4, 4 * 5]

    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(2, 3, 8, 8, device="meta"))

    assert num_params(net) == sum(weights) + 6 + 6 + 4 + 5
    assert counter.get_total_flops() // 4 == 8 * sum(weights[:-1]) + weights[-1]


def test_invalid_archs_are_refused():
    with pytest.raises(ValueError, match="x is not used"):
        build({"h_new_0": node("activation_tanh", "h_prev_0")})


def test_exported_code_runs_without_archfront(tmp_path):
    params = {"embedding": 4, "hidden": 6, "layers": 2}
    arch = nasbench_nlp.decode(json.dumps(LSTM))
    file = tmp_path / "net.py"
    file.write_text(
        nasbench_nlp.python_source(arch, shape=(1, 16, 8), num_classes=7, params=params)
    )

    output = subprocess.run(
        [sys.executable, "-I", str(file)], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout

    net = build(LSTM, shape=(1, 16, 8), num_classes=7, **params)
    assert output.split() == ["(2,", "7)", str(num_params(net))]
    assert "from search" not in file.read_text()


def test_exporting_code_does_not_load_torch():
    program = (
        "import sys; from search.spaces.nasbench_nlp import nasbench_nlp as s; "
        "import numpy as np; a = s.sample(np.random.default_rng(0)); "
        "s.python_source(a, shape=(3, 8, 8), num_classes=2, params={}); "
        "print('torch' in sys.modules)"
    )

    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert output.strip() == "False"
