"""Number of linear regions that noise falls into (Chen et al., 2021, arXiv:2102.11535)."""

import hashlib
import math
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from search.errors import NotApplicableError
from search.passes import RELUS, all_watched
from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    depends_on=("network", "seed", "environment"),
    passes="one forward of noise, for every draw of weights",
    fails_on="the number of images wherever units are many: choose a network of few channels and "
    "cells, as the source does; not defined without ReLUs, nor where one gives what is not finite",
    source="Chen et al. (2021), TE-NAS; there on a network of one channel and images of 3x3",
)
def linear_regions(
    probe: Probe,
    /,
    *,
    images: Annotated[int, Field(ge=2, le=5000)] = 1000,
    repeats: Annotated[int, Field(ge=1, le=16)] = 3,
) -> float:
    """How many different sets of ReLUs images of noise switch on, mean over draws of weights.

    Weights are drawn anew, normal with variance two over the fan-in (Kaiming). Dead edges are
    run. swap counts the other way: different sets of images.

    Args:
        probe: whose network; neither its images nor its labels are read.
        images: of noise, as large as those of the batch.
        repeats: draws of weights and noise.
    """
    return sum(_num_regions(probe, images, repeat) for repeat in range(repeats)) / repeats


def _num_regions(probe: Probe, images: int, repeat: int) -> float:
    regions = Regions(images)
    relus = [module for module in probe.network.modules() if isinstance(module, RELUS)]
    if not relus:
        raise NotApplicableError("the network has no ReLU")
    parameters = probe.redrawn("kaiming_fan_in", "regions", repeat)
    with torch.no_grad(), all_watched(relus, regions.note):
        probe.run(parameters, probe.noise(images, "regions", repeat), dead_edges=True)
    return regions.count


class Regions:
    """Counts images that differ in some ReLU, without keeping any: by a hash of 128 bits."""

    def __init__(self, images: int) -> None:
        self._hashes = [hashlib.blake2b(digest_size=16) for _ in range(images)]
        self._is_known = True

    def note(self, y: Tensor) -> None:
        """Take in one output of a ReLU, images first."""
        self._is_known &= bool(y.max().isfinite())
        codes_BA = np.packbits((y.flatten(1) > 0).cpu().numpy(), axis=1)
        for known, code_A in zip(self._hashes, codes_BA, strict=True):
            known.update(code_A.tobytes())

    @property
    def count(self) -> float:
        """Different images so far; nan once an output was not finite, neither on nor off."""
        return len({h.digest() for h in self._hashes}) if self._is_known else math.nan
