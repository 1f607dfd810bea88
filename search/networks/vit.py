"""Networks of the elastic vision transformer (AutoFormer: Chen et al., 2021, arXiv:2107.00651)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from search.networks import networks
from search.networks._vit import Network
from search.networks._weights import with_drawn_weights
from search.spaces import Arch
from search.spaces.vit import DEFAULT_HEAD_WIDTH, DEFAULT_PATCH, WIDTH, WIDTHS, blocks_of

Patch = Annotated[int, Field(ge=1, le=64, description="Side of a patch, in pixels.")]
HeadWidth = Annotated[int, Field(ge=4, le=128, description="Numbers of a head.")]


@networks.register
def vit(  # noqa: PLR0913  # what a network is made from
    arch: Arch,
    /,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    generator: torch.Generator,
    device: torch.device,
    patch: Patch = DEFAULT_PATCH,
    head_width: HeadWidth = DEFAULT_HEAD_WIDTH,
) -> nn.Module:
    """A vision transformer; patches of 2 suit digits of 8x8, of 4 images of 32x32.

    AutoFormer's heads are 64 wide; so are those here with a *head_width* of 64.

    Args:
        arch: width, depth, and heads and MLP ratio of six blocks.
        shape: channels, height and width of one image.
        num_classes: how many outputs.
        generator: draws the weights.
        device: where the network is to live.
        patch: side of a patch in pixels; at the lower and right edge zeros fill it up.
        head_width: numbers of a head; a token has two to four times as many.
    """
    with torch.device("meta"):
        net = Network(WIDTHS[arch[WIDTH]], blocks_of(arch), shape, num_classes, patch, head_width)
    return with_drawn_weights(net, generator=generator, device=device)
