"""Accuracy on held-out training examples after fine-tuning with inherited weights."""

from typing import Any

from search.parameters import takes
from search.probe import Measurement
from search.standalone.recipe import FineTuning
from search.standalone.trainee import Trainee
from search.trainings import Steps, trainings
from search.traits import declares


@trainings.register
@takes(FineTuning)
@declares(
    unit="%",
    depends_on=("network", "dataset", "seed", "environment", "supernet"),
    needs_data="images",
    needs_labels=True,
    needs_supernet=True,
    passes="forward and backward, epochs of the training part",
    batch_norm="train",
    fails_on="a training that diverges has no value",
    source="top-1 after fine-tuning of a subnet, as in Cai et al. (2020), arXiv:1908.09791",
    evidence="derived",
)
def fine_tuned_validation_accuracy(trainee: Trainee, /, **recipe: Any) -> Steps:  # noqa: ANN401
    """Top-1 on examples that neither the supernet nor the fine-tuning has seen.

    The first weights are the subnet's in the supernet, its norms calibrated to it; from there it
    is trained alone. The last epoch's weights are evaluated.

    Args:
        trainee: what is trained.
        recipe: fields of a FineTuning.
    """
    trained = yield from trainee.fine_tune(FineTuning(**recipe))
    return Measurement(trained.validation.accuracy, trained.details())
