"""Bits per character on held-out stretches of a text after a training alone."""

from math import log
from typing import Any

from search.parameters import takes
from search.probe import Measurement
from search.standalone.recipe import TextRecipe
from search.standalone.trainee import Trainee
from search.trainings import Steps, trainings
from search.trainings._traits import alone_on_text


@trainings.register
@takes(TextRecipe)
@alone_on_text
def validation_bits_per_character(trainee: Trainee, /, **recipe: Any) -> Steps:  # noqa: ANN401
    """As bits_per_character, on held-out training stretches: what a search may choose by.

    Args:
        trainee: what is trained.
        recipe: fields of a TextRecipe.
    """
    trained = yield from trainee.train(TextRecipe(**recipe))
    return Measurement(trained.validation.loss / log(2), trained.details())
