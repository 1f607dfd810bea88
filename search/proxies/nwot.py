"""How differently images switch the ReLUs (Mellor et al., 2021, arXiv:2006.04647)."""

import math

import torch

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    passes="one forward",
    fails_on="-inf when two images switch all ReLUs alike, or there are none; nan where a ReLU "
    "gives what is not finite",
    source="Mellor et al. (2021), nas-without-training; all ReLUs",
)
def nwot(probe: Probe, /) -> float:
    """Logarithm of the determinant of the matrix that counts equal ReLU states of two images.

    ReLUs on dead edges count, as they do in the authors' network, and a ReLU counts once for
    every convolution that reads it. Hence two cells of one function differ: the value is shared
    between identical encodings only.
    """
    agreement_BB = probe.relu_agreement_BB
    if not agreement_BB.isfinite().all():
        return math.nan
    if torch.linalg.matrix_rank(agreement_BB, hermitian=True) < len(agreement_BB):
        return -math.inf  # of many images, rounding leaves a determinant of zero some value
    return float(agreement_BB.slogdet().logabsdet)
