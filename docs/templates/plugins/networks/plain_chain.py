"""Networks of the space of the same name."""

import torch
from torch import nn

from search.networks import networks
from search.networks._plain_chain import Network
from search.networks._weights import with_drawn_weights
from search.spaces import Arch
from search.spaces.plain_chain import settings


@networks.register
def plain_chain(
    arch: Arch,
    /,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    generator: torch.Generator,
    device: torch.device,
) -> nn.Module:
    """A chain of convolutions; keyword arguments with defaults would be its parameters."""
    depth, width, kernel = settings(arch)
    with torch.device("meta"):  # nothing is drawn from the global generator
        net = Network(depth, width, kernel, shape[0], num_classes)
    return with_drawn_weights(net, generator=generator, device=device)
