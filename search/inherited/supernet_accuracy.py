"""Accuracy on the test part with inherited weights."""

from collections.abc import Sequence

from search.inherited import inherited
from search.inherited._settings import (
    NUM_BATCHES,
    CalibrationBatches,
    CalibrationSize,
    of_subnets,
)
from search.probe import Measurement
from search.spaces import Arch
from search.supernets.trained import TrainedSupernet


@inherited.register
@of_subnets
def supernet_accuracy(
    trained: TrainedSupernet,
    archs: Sequence[Arch],
    /,
    *,
    calibration_batches: CalibrationBatches = NUM_BATCHES,
    calibration_size: CalibrationSize = 64,
) -> list[Measurement]:
    """Top-1 on the test part, for reports; let a search choose by supernet_validation_accuracy.

    Norms are treated as the recipe says: where it recalibrates, every subnet gets statistics of
    its own from training images; otherwise the parameters change nothing.

    Args:
        trained: whose weights are inherited.
        archs: which subnets.
        calibration_batches: of training images, the same for every subnet; 64 are the authors'
            of AttentiveNAS. Fewer where there are too few images.
        calibration_size: images of each.
    """
    return trained.accuracies(archs, "test", calibration_batches, calibration_size)
