"""Sample-wise activation patterns (Peng et al., 2024, arXiv:2403.04161)."""

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
    fails_on="2 to the power of the images at most: few images, or many units, and archs tie; "
    "not defined without ReLUs on maps, nor where one gives what is not finite",
    source="Peng et al. (2024), pym1024/SWAP",
)
def swap(
    probe: Probe,
    /,
    *,
    images: Annotated[int, Field(ge=2, le=MAX_IMAGES)] = 16,
    repeats: Annotated[int, Field(ge=1, le=128)] = 32,
) -> float:
    """How many different sets of images there are for which some unit is on.

    Units are those of ReLUs on maps; the mean over draws of standard normal weights.
    linear_regions counts the other way: different sets of units that some image switches on.

    Args:
        probe: whose network and images; labels are not read.
        images: the first so many of the batch, fewer when it is smaller.
        repeats: draws of weights.
    """
    return probe.once(num_neuron_codes, images, repeats)
