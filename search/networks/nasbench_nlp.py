"""Recurrent networks of NAS-Bench-NLP cells (Klyuchnikov et al., 2020, arXiv:2006.07116)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from search.networks import networks, reads_text
from search.networks._nasbench_nlp import Network
from search.networks._weights import with_drawn_weights
from search.spaces import Arch
from search.spaces._recurrent_cells import recipe
from search.spaces.nasbench_nlp import valid_graph


@networks.register
@reads_text
def nasbench_nlp(  # noqa: PLR0913  # the protocol's four and three of its own
    arch: Arch,
    /,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    generator: torch.Generator,
    device: torch.device,
    embedding: Annotated[int, Field(ge=1, le=1024)] = 32,
    hidden: Annotated[int, Field(ge=1, le=2048)] = 48,
    layers: Annotated[int, Field(ge=1, le=4)] = 1,
) -> nn.Module:
    """Layers of a recurrent cell; the published table has 3 of 600 units, 400 of embedding.

    Args:
        arch: a valid cell.
        shape: channels, height and width; the network reads column by column.
        num_classes: how many outputs.
        generator: draws the weights.
        device: where the network is to live.
        embedding: units that a column is mapped to, and of the last layer.
        hidden: units of the other layers.
        layers: how many.

    Raises:
        ValueError: the arch is no cell.
    """
    cell = recipe(valid_graph(arch))
    with torch.device("meta"):
        net = Network(cell, shape[0] * shape[1], num_classes, embedding, hidden, layers)
    return with_drawn_weights(net, generator=generator, device=device)
