"""What a recurrent network gives under constant weights, as epsinas takes it.

Gracheva (2023), arXiv:2302.04406, on NAS-Bench-NLP. Shapes: B sequences, C channels, H height, W
columns, D units of a layer.
"""

import torch
from torch import Tensor
from torch.func import functional_call

from search.networks._nasbench_nlp import Network, columns

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
            filled = {name: torch.full_like(p, constant) for name, p in layer.named_parameters()}
            h_WBD = functional_call(layer, filled, (h_WBD, constant))
    return h_WBD[:, :, 0].flatten()
