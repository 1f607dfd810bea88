"""Networks of NAS-Bench-201 cells (Dong and Yang, 2020, arXiv:2001.00326)."""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from search.networks import ConstantOutputs, knows_constant_outputs, networks
from search.networks._nasbench201 import Network
from search.networks._weights import with_drawn_weights
from search.spaces import Arch
from search.spaces.nasbench201 import OPERATIONS


def collapsed(x_BCHW: Tensor, *, channels: int = 16, cells: int = 5) -> ConstantOutputs:
    """Outputs under constant weights, computed with one channel to a layer."""

    @cache
    def collapse() -> Any:  # noqa: ANN401  # a Collapse
        from search.collapse import Collapse  # takes a while to import: only when it is needed

        return Collapse(x_BCHW.numpy(), channels=channels, cells=cells)

    def outputs(arch: Arch, constants: Sequence[float]) -> Sequence[Tensor]:
        return list(torch.from_numpy(collapse().outputs([arch], constants)[0]))

    return outputs


@networks.register
@knows_constant_outputs(collapsed)
def nasbench201(  # noqa: PLR0913  # the protocol's four and two of its own
    arch: Arch,
    /,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    generator: torch.Generator,
    device: torch.device,
    channels: Annotated[int, Field(ge=1, le=256)] = 16,
    cells: Annotated[int, Field(ge=1, le=20)] = 5,
) -> nn.Module:
    """Three stages of equal cells; the published tables have 16 channels and 5 cells.

    Args:
        arch: a cell.
        shape: channels, height and width of one image.
        num_classes: how many outputs.
        generator: draws the weights.
        device: where the network is to live.
        channels: of the first stage; the later two have twice and four times as many.
        cells: in each of the three stages.
    """
    operations = [OPERATIONS[choice] for choice in arch]
    with torch.device("meta"):
        net = Network(operations, shape[0], num_classes, channels, cells)
    return with_drawn_weights(net, generator=generator, device=device)
