"""Accuracy on held-out training examples after a training alone."""

from typing import Any

from search.parameters import takes
from search.probe import Measurement
from search.standalone.recipe import ImageRecipe
from search.standalone.trainee import Trainee
from search.trainings import Steps, trainings
from search.traits import declares


@trainings.register
@takes(ImageRecipe)
@declares(
    unit="%",
    depends_on=("network", "dataset", "seed", "environment"),
    needs_labels=True,
    passes="forward and backward, epochs of the training part",
    batch_norm="train",
    fails_on="a training that diverges has no value",
    source="top-1, as in image classification; the last epoch's weights",
)
def validation_accuracy(trainee: Trainee, /, **recipe: Any) -> Steps:  # noqa: ANN401
    """Top-1 on held-out training examples: what a search may choose by, as no test data does.

    Args:
        trainee: what is trained.
        recipe: fields of an ImageRecipe.
    """
    trained = yield from trainee.train(ImageRecipe(**recipe))
    return Measurement(trained.validation.accuracy, trained.details())
