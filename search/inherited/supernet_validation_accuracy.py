"""Accuracy on held-out training examples with inherited weights."""

from collections.abc import Sequence

from search.inherited import inherited
from search.inherited._settings import CalibrationBatches, CalibrationSize
from search.probe import Measurement
from search.spaces import Arch
from search.supernets.trained import TrainedSupernet
from search.traits import declares


@inherited.register
@declares(
    unit="%",
    depends_on=("network", "dataset", "environment", "supernet"),
    needs_data="images",
    needs_labels=True,
    needs_supernet=True,
    passes="forward, over the calibration batches and the evaluated part",
    batch_norm="eval",
    fails_on="a rank among subnets is only as good as the supernet",
    source="Guo et al. (2020), arXiv:1904.00420: inherited weights, recalibrated norms",
)
def supernet_validation_accuracy(
    trained: TrainedSupernet,
    archs: Sequence[Arch],
    /,
    *,
    calibration_batches: CalibrationBatches = 8,
    calibration_size: CalibrationSize = 64,
) -> list[Measurement]:
    """Top-1 on examples held out from the training: what a search may choose by.

    Norms are treated as the recipe says: where it recalibrates, every subnet gets statistics of
    its own from training images; otherwise the parameters change nothing.

    Args:
        trained: whose weights are inherited.
        archs: which subnets.
        calibration_batches: of training images, the same for every subnet.
        calibration_size: images of each.
    """
    return trained.accuracies(archs, "held_out", calibration_batches, calibration_size)
