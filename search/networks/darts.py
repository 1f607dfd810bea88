"""Networks of DARTS cells (Liu et al., 2019, arXiv:1806.09055)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from search.networks import networks
from search.networks._darts import Network
from search.networks._weights import with_drawn_weights
from search.spaces import Arch
from search.spaces.darts import cells as cells_of
from search.spaces.darts import genotype


@networks.register
def darts(  # noqa: PLR0913  # the protocol's four and two of its own
    arch: Arch,
    /,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    generator: torch.Generator,
    device: torch.device,
    channels: Annotated[int, Field(ge=2, le=128)] = 16,
    cells: Annotated[int, Field(ge=1, le=40)] = 8,
) -> nn.Module:
    """A chain of cells, two of them reductions; the paper trains 20 cells of 36 channels.

    The default is as small as the network that the paper searches with.

    Args:
        arch: both cells.
        shape: channels, height and width of one image.
        num_classes: how many outputs.
        generator: draws the weights.
        device: where the network is to live.
        channels: of a node of the first cells; doubled by every reduction cell.
        cells: how many.
    """
    normal, reduction = (genotype(graph) for graph in cells_of(arch))
    with torch.device("meta"):
        net = Network(normal, reduction, shape[0], num_classes, channels, cells)
    return with_drawn_weights(net, generator=generator, device=device)
