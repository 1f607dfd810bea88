"""Networks of the 64 small cells (Zhang et al., 2020, arXiv:2001.01431)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from search.networks import networks
from search.networks._cells import Network
from search.networks._weights import with_drawn_weights
from search.spaces import Arch
from search.spaces.cell_64 import CELLS, CHANNELS, OPERATIONS


@networks.register
def cell_64(  # noqa: PLR0913  # the protocol's four and two of its own
    arch: Arch,
    /,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    generator: torch.Generator,
    device: torch.device,
    channels: Annotated[int, Field(ge=1, le=256)] = CHANNELS,
    cells: Annotated[int, Field(ge=1, le=20)] = CELLS,
) -> nn.Module:
    """Four cells in a row; the authors have 16 channels.

    Args:
        arch: one operation for each of three edges.
        shape: channels, height and width of one image.
        num_classes: how many outputs.
        generator: draws the weights.
        device: where the network is to live.
        channels: of a node of a cell.
        cells: how many cells in a row.
    """
    operations = [OPERATIONS[choice] for choice in arch]
    with torch.device("meta"):
        net = Network(operations, shape[0], num_classes, channels, cells)
    return with_drawn_weights(net, generator=generator, device=device)
