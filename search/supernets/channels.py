"""The order of inner channels: important ones first, so that slices keep them.

Once-for-All (Cai et al., 2020, arXiv:1908.09791): importance is the sum of the sizes of the
weights that read a channel. That DepS sorts like this is an assumption; its rule was not read.
"""

import torch
from torch import Tensor, nn

from search.supernets.supernet import Supernet


@torch.no_grad()
def sort_inner_channels(net: Supernet, optimizer: torch.optim.Optimizer | None = None) -> None:
    """Put the channels that only one block sees in the order of their importance.

    What the largest network computes stays the same, but for the order of sums.

    Args:
        net: with entangled weights.
        optimizer: whose momenta follow their weights.
    """
    for layers in net.inner_channels():
        reader, axis = layers[-1]
        weight = net.source.parameters_of(reader)[0]
        others = [k for k in range(weight.ndim) if k != axis]
        order = weight.abs().sum(others).argsort(descending=True, stable=True)
        for slot, along in layers:
            for place, parameter in enumerate(net.source.parameters_of(slot)):
                is_bias_of_inputs = place == 1 and along == 1
                if not is_bias_of_inputs:
                    _reorder(parameter, along, order, optimizer)


def _reorder(
    parameter: nn.Parameter,
    axis: int,
    order: Tensor,
    optimizer: torch.optim.Optimizer | None,
) -> None:
    parameter.copy_(parameter.index_select(axis, order))
    for value in optimizer.state.get(parameter, {}).values() if optimizer else ():
        if isinstance(value, Tensor) and value.shape == parameter.shape:
            value.copy_(value.index_select(axis, order))
