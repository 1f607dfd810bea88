"""Accuracy on the test part after a training alone."""

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
def accuracy(trainee: Trainee, /, **recipe: Any) -> Steps:  # noqa: ANN401  # an ImageRecipe
    """Top-1 on the test part, for reports; let a search choose by validation_accuracy.

    Args:
        trainee: what is trained.
        recipe: fields of an ImageRecipe.
    """
    trained = yield from trainee.train(ImageRecipe(**recipe))
    return Measurement(trained.test.accuracy, trained.details())
