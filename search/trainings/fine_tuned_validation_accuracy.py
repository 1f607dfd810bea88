"""Accuracy on held-out training examples after fine-tuning with inherited weights."""

from typing import Any

from search.parameters import takes
from search.probe import Measurement
from search.standalone.recipe import FineTuning
from search.standalone.trainee import Trainee
from search.trainings import Steps, trainings
from search.trainings._traits import fine_tuned


@trainings.register
@takes(FineTuning)
@fine_tuned
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
