"""Sample-wise activation patterns near a wanted size (Peng et al., 2024, arXiv:2403.04161)."""

import math
from typing import Annotated

from pydantic import Field

from search.neuron_codes import MAX_IMAGES, num_neuron_codes
from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    passes="one forward of 16 images, for every draw of weights",
    fails_on="0 far from the wanted size; mu and sigma have no published values here: set them "
    "for your networks; not defined without ReLUs on maps, nor where one gives what is not "
    "finite",
    source="Peng et al. (2024), pym1024/SWAP",
)
def swap_regularised(
    probe: Probe,
    /,
    *,
    mu: Annotated[
        float, Field(gt=0, description="Wanted size, in thousands of parameters.")
    ] = 1e3,
    sigma: Annotated[
        float, Field(gt=0, description="Tolerance, in thousands of parameters squared.")
    ] = 1e6,
    images: Annotated[int, Field(ge=2, le=MAX_IMAGES)] = 16,
    repeats: Annotated[int, Field(ge=1, le=128)] = 32,
) -> float:
    """What swap counts, times exp(-(parameters / 1000 - mu)^2 / sigma).

    Args:
        probe: whose network and images; labels are not read.
        mu: parameters wanted, in thousands.
        sigma: how strict that is, in thousands squared.
        images: the first so many of the batch, fewer when it is smaller.
        repeats: draws of weights.
    """
    miss = probe.num_params / 1e3 - mu
    return probe.once(num_neuron_codes, images, repeats) * math.exp(-(miss**2) / sigma)
