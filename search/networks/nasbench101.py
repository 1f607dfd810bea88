"""Networks of NAS-Bench-101 cells (Ying et al., 2019, arXiv:1902.09635)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from search.networks import networks
from search.networks._nasbench101 import Network
from search.networks._weights import with_drawn_weights
from search.spaces import Arch
from search.spaces.nasbench101 import OPERATIONS, valid_cell


@networks.register
def nasbench101(  # noqa: PLR0913  # the protocol's four and three of its own
    arch: Arch,
    /,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    generator: torch.Generator,
    device: torch.device,
    channels: Annotated[int, Field(ge=8, le=512)] = 128,
    stacks: Annotated[int, Field(ge=1, le=5)] = 3,
    modules: Annotated[int, Field(ge=1, le=10)] = 3,
) -> nn.Module:
    """Stacks of equal cells; the published table has 3 stacks of 3 cells and 128 channels.

    Args:
        arch: a valid cell.
        shape: channels, height and width of one image.
        num_classes: how many outputs.
        generator: draws the weights.
        device: where the network is to live.
        channels: of the first stack; every later one has twice as many.
        stacks: between two of them height and width are halved.
        modules: cells in each stack.

    Raises:
        ValueError: the arch is no cell.
    """
    cell = valid_cell(arch)
    operations = [OPERATIONS[choice] for choice in cell.operations]
    with torch.device("meta"):
        net = Network(operations, cell.edges, shape[0], num_classes, channels, stacks, modules)
    return with_drawn_weights(net, generator=generator, device=device)
