"""Correlation of input gradients within classes (Lopes et al., 2021, arXiv:2102.08099)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares

K = 1e-5
MANY_CLASSES = 100


@proxies.register
@declares(
    equivalence="pruned",
    needs_labels=True,
    passes="one forward, one backward to the input",
    fails_on="nan when an image has a constant input gradient, as in disconnected cells, or the "
    "sum over a batch does not depend on it, as in networks that end in batch norm and a mean: "
    "cell_27, cell_64, elastic_tiny, some of darts; a class with a single image says nothing",
    source="Lopes et al. (2021), as in NASLib; labels only group the images",
)
def epe_nas(probe: Probe, /) -> float:
    """How much the input gradients of images of one class are correlated.

    The gradient is of the sum of all logits, as jacob_cov has it.
    """
    gradients_BD = probe.input_gradients_BCHW.flatten(1).double().cpu().numpy()
    labels_B = probe.batch.y_B.cpu().numpy()
    of_classes = [gradients_BD[labels_B == label] for label in np.unique(labels_B)]
    with np.errstate(divide="ignore", invalid="ignore"):
        correlations = [np.atleast_2d(np.corrcoef(rows_ND)) for rows_ND in of_classes]
    return score_of_correlations(correlations, probe.batch.num_classes)


def score_of_correlations(correlations: Sequence[NDArray[np.float64]], num_classes: int) -> float:
    """Sum over classes of |sum of log(|correlation| + k)|.

    For more than a hundred classes, the mean of the logarithms takes the place of the sum, and
    the differences between every two classes that of the values.
    """
    logs = [np.log(np.abs(correlation_NN) + K) for correlation_NN in correlations]
    if num_classes <= MANY_CLASSES:
        return float(sum(abs(log_NN.sum()) for log_NN in logs))
    means_S = np.array([log_NN.mean() for log_NN in logs])
    return float(np.abs(means_S[:, None] - means_S[None, :]).sum() / len(means_S))
