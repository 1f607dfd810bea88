"""For which images each unit is on: as many different answers as a network has, SWAP counts.

Shapes: B images, U units.
"""

import math

import torch
from torch import Tensor

from search.errors import NotApplicableError
from search.passes import RELUS, all_watched
from search.probe import Probe

MAX_IMAGES = 62  # bits of a code in an int64


def num_neuron_codes(probe: Probe, images: int, repeats: int) -> float:
    """Different codes of the units of all ReLUs on maps, mean over draws of standard normals.

    Dead edges are run, as in a network that keeps them. Nan where what a ReLU gives is not finite.

    Raises:
        NotApplicableError: no ReLU of the network gives maps.
    """
    return sum(_num_codes(probe, images, repeat) for repeat in range(repeats)) / repeats


def _num_codes(probe: Probe, images: int, repeat: int) -> float:
    codes: list[Tensor] = []
    highest: list[Tensor] = []

    def note(y: Tensor) -> None:
        if y.ndim == 4:
            codes.append(neuron_codes(y.flatten(1)).unique())
            highest.append(y.max())

    relus = (module for module in probe.network.modules() if isinstance(module, RELUS))
    with torch.no_grad(), all_watched(relus, note):
        probe.run(
            probe.redrawn("gaussian", "swap", repeat), probe.x_BCHW[:images], dead_edges=True
        )
    if not codes:
        raise NotApplicableError("the network has no ReLU on maps")
    is_known = bool(torch.stack(highest).isfinite().all())
    return len(torch.cat(codes).unique()) if is_known else math.nan


def neuron_codes(y_BU: Tensor) -> Tensor:
    """For each unit, the number whose bits say on which images it is positive."""
    bits_B = 2 ** torch.arange(len(y_BU), device=y_BU.device)
    return ((y_BU > 0) * bits_B[:, None]).sum(dim=0)
