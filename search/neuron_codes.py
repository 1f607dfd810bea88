"""For which images each unit is on: as many different answers as a network has, SWAP counts.

Shapes: B images, U units.
"""

import torch
from torch import Tensor

from search.errors import NotApplicableError
from search.passes import RELUS, all_watched
from search.probe import Probe

MAX_IMAGES = 62  # bits of a code in an int64


def num_neuron_codes(probe: Probe, images: int, repeats: int) -> float:
    """Different codes of the units of all ReLUs on maps, mean over draws of standard normals.

    Dead edges are run, as in a network that keeps them.

    Raises:
        NotApplicableError: no ReLU of the network gives maps.
    """
    counts = []
    for repeat in range(repeats):
        codes = _codes(probe, images, repeat)
        if not codes:
            raise NotApplicableError("the network has no ReLU on maps")
        counts.append(len(torch.cat(codes).unique()))
    return sum(counts) / repeats


def _codes(probe: Probe, images: int, repeat: int) -> list[Tensor]:
    codes: list[Tensor] = []

    def note(y: Tensor) -> None:
        if y.ndim == 4:
            codes.append(neuron_codes(y.flatten(1)).unique())

    relus = (module for module in probe.network.modules() if isinstance(module, RELUS))
    with torch.no_grad(), all_watched(relus, note):
        probe.run(
            probe.redrawn("gaussian", "swap", repeat), probe.x_BCHW[:images], dead_edges=True
        )
    return codes


def neuron_codes(y_BU: Tensor) -> Tensor:
    """For each unit, the number whose bits say on which images it is positive."""
    bits_B = 2 ** torch.arange(len(y_BU), device=y_BU.device)
    return ((y_BU > 0) * bits_B[:, None]).sum(dim=0)
