"""What a recurrent network gives under constant weights, as epsinas takes it.

Gracheva (2023), arXiv:2302.04406, on NAS-Bench-NLP. Shapes: B sequences, C channels, H height, W
columns, D units of a layer.
"""

import torch
from torch import Tensor
from torch.func import functional_call

from search.networks._nasbench_nlp import Layer, Network, columns

EMBEDDING_SEED = 21  # the authors'


def recurrent_output(net: Network, x_BCHW: Tensor, constant: float) -> Tensor:
    """Unit 0 of the last layer, after each column of each sequence; flat.

    Weights, biases and the hidden states that a sequence begins with all equal the constant, but
    for the embedding, which is drawn uniformly from 0 to 1. All units of a layer are equal then.
    """
    generator = torch.Generator().manual_seed(EMBEDDING_SEED)
    drawn = torch.rand(net.embedding.weight.shape, generator=generator)
    with torch.no_grad():
        h_WBD = columns(x_BCHW) @ drawn.to(x_BCHW).T
        for layer in net.layers:
            assert isinstance(layer, Layer)
            h_WBD = _filled_layer(layer, h_WBD, constant)
    return h_WBD[:, :, 0].flatten()


def _filled_layer(layer: Layer, x_WBD: Tensor, constant: float) -> Tensor:
    """The first hidden state after each column."""
    cell = layer.cell
    filled = {name: torch.full_like(p, constant) for name, p in cell.named_parameters()}
    hidden = [x_WBD.new_full((x_WBD.shape[1], cell.width), constant)] * cell.num_hidden
    outputs = []
    for x_BD in x_WBD:
        hidden = functional_call(cell, filled, (x_BD, hidden))
        outputs.append(hidden[0])
    return torch.stack(outputs)
