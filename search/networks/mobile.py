"""Networks of the elastic MobileNetV3 (Cai et al., 2020, arXiv:1908.09791)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from search.networks import networks
from search.networks._mobile import Network
from search.networks._weights import with_drawn_weights
from search.spaces import Arch
from search.spaces.mobile import DEFAULT_RESOLUTION, WIDTHS, side, units_of


@networks.register
def mobile(
    arch: Arch,
    /,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    generator: torch.Generator,
    device: torch.device,
    resolution: Annotated[
        int, Field(ge=8, le=512, description="Side of the images at full resolution.")
    ] = DEFAULT_RESOLUTION,
) -> nn.Module:
    """MobileNetV3 of the arch's size; the paper's full resolution is 224.

    Args:
        arch: resolution, width, and depth, kernels and expansions of five units.
        shape: channels, height and width of one image; images are resized.
        num_classes: how many outputs.
        generator: draws the weights.
        device: where the network is to live.
        resolution: the side of the images at full resolution.
    """
    with torch.device("meta"):
        net = Network(
            units_of(arch), WIDTHS[arch[1]], shape[0], num_classes, side(arch, resolution)
        )
    return with_drawn_weights(net, generator=generator, device=device)
