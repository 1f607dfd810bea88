"""Networks of the tiny elastic space: residual, two stages, for images such as digits."""

import torch
from torch import nn

from search.networks import networks
from search.networks._elastic_tiny import Network
from search.networks._weights import with_drawn_weights
from search.spaces import Arch
from search.spaces.elastic_tiny import stages_of


@networks.register
def elastic_tiny(
    arch: Arch,
    /,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    generator: torch.Generator,
    device: torch.device,
) -> nn.Module:
    """A tiny residual network of two stages of inverted bottlenecks.

    Args:
        arch: width, depth, kernel and expansion of two stages.
        shape: channels, height and width of one image.
        num_classes: how many outputs.
        generator: draws the weights.
        device: where the network is to live.
    """
    with torch.device("meta"):
        net = Network(stages_of(arch), shape[0], num_classes)
    return with_drawn_weights(net, generator=generator, device=device)
