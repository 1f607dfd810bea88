"""Bits per character on the test part of a text after a training alone."""

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
def bits_per_character(trainee: Trainee, /, **recipe: Any) -> Steps:  # noqa: ANN401
    """Mean cross entropy of the next symbol on the test part, in bits.

    Of the one symbol after each stretch, which the network has read from a start of zeros: no
    state is carried from stretch to stretch, so figures of language models that carry it, or
    that are scored on every symbol, are others.

    Args:
        trainee: what is trained.
        recipe: fields of a TextRecipe.
    """
    trained = yield from trainee.train(TextRecipe(**recipe))
    return Measurement(trained.test.loss / log(2), trained.details())
