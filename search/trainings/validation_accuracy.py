"""Accuracy on held-out training examples after a training alone."""

from typing import Any

from search.parameters import takes
from search.probe import Measurement
from search.standalone.recipe import ImageRecipe
from search.standalone.trainee import Trainee
from search.trainings import Steps, trainings
from search.trainings._traits import alone_on_images


@trainings.register
@takes(ImageRecipe)
@alone_on_images
def validation_accuracy(trainee: Trainee, /, **recipe: Any) -> Steps:  # noqa: ANN401
    """Top-1 on held-out training examples: what a search may choose by, as no test data does.

    Args:
        trainee: what is trained.
        recipe: fields of an ImageRecipe.
    """
    trained = yield from trainee.train(ImageRecipe(**recipe))
    return Measurement(trained.validation.accuracy, trained.details())
