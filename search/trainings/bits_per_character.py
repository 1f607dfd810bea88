"""Bits per character on the test part of a text after a training alone."""

from math import log
from typing import Any

from search.parameters import takes
from search.probe import Measurement
from search.standalone.recipe import TextRecipe
from search.standalone.trainee import Trainee
from search.trainings import Steps, trainings
from search.traits import declares


@trainings.register
@takes(TextRecipe)
@declares(
    direction="minimize",
    unit="bits",
    needs_data="text",
    depends_on=("network", "dataset", "seed", "environment"),
    needs_labels=True,
    passes="forward and backward, epochs of the training part",
    batch_norm="train",
    fails_on="a training that diverges has no value",
    source="mean cross entropy over ln 2; the last epoch's weights",
)
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
