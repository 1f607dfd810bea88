"""Correlation of the input gradients of a batch (Mellor et al., 2020, arXiv:2006.04647v1)."""

import numpy as np
from numpy.typing import NDArray

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares

K = 1e-5


@proxies.register
@declares(
    equivalence="pruned",
    passes="one forward, one backward to the input",
    fails_on="nan when an image has a constant input gradient, as in disconnected cells, or the "
    "sum over a batch does not depend on it, as in networks that end in batch norm and a mean: "
    "cell_27, cell_64, elastic_tiny, some of darts",
    source="Mellor et al. (2020), first version; zero-cost-nas",
)
def jacob_cov(probe: Probe, /) -> float:
    """How little the input gradients of different images are correlated; labels are not read."""
    gradients_BD = probe.input_gradients_BCHW.flatten(1).double().cpu().numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        return score_of_correlation(np.atleast_2d(np.corrcoef(gradients_BD)))


def score_of_correlation(correlation_BB: NDArray[np.float64]) -> float:
    """Minus the sum over eigenvalues v of log(v + k) + 1 / (v + k)."""
    if not np.isfinite(correlation_BB).all():
        return float("nan")
    eigenvalues_B = np.linalg.eigvalsh(correlation_BB) + K
    return float(-np.sum(np.log(eigenvalues_B) + 1 / eigenvalues_B))
