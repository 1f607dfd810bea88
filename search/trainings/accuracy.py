"""Accuracy on the test part after a training alone."""

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
def accuracy(trainee: Trainee, /, **recipe: Any) -> Steps:  # noqa: ANN401  # an ImageRecipe
    """Top-1 on the test part, for reports; let a search choose by validation_accuracy.

    Args:
        trainee: what is trained.
        recipe: fields of an ImageRecipe.
    """
    trained = yield from trainee.train(ImageRecipe(**recipe))
    return Measurement(trained.test.accuracy, trained.details())
