"""Networks of NAS-Bench-Macro (Su et al., 2021, arXiv:2103.11922)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from search.networks import networks
from search.networks._nasbench_macro import Network
from search.networks._weights import with_drawn_weights
from search.spaces import Arch
from search.spaces.nasbench_macro import OPERATIONS


@networks.register
def nasbench_macro(  # noqa: PLR0913  # the protocol's four and two of its own
    arch: Arch,
    /,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    generator: torch.Generator,
    device: torch.device,
    channels: Annotated[int, Field(ge=1, le=256)] = 32,
    features: Annotated[int, Field(ge=1, le=8192)] = 1280,
) -> nn.Module:
    """Eight layers in three stages; the published table has 32 channels and 1,280 features.

    Args:
        arch: one operation for each layer.
        shape: channels, height and width of one image.
        num_classes: how many outputs.
        generator: draws the weights.
        device: where the network is to live.
        channels: of the stem; the stages have two, four and eight times as many.
        features: channels of the head.
    """
    operations = [OPERATIONS[choice] for choice in arch]
    with torch.device("meta"):
        net = Network(operations, shape[0], num_classes, channels, features)
    return with_drawn_weights(net, generator=generator, device=device)
