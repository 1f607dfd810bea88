"""Bits per character on held-out stretches of a text after a training alone."""

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
def validation_bits_per_character(trainee: Trainee, /, **recipe: Any) -> Steps:  # noqa: ANN401
    """As bits_per_character, on held-out training stretches: what a search may choose by.

    Args:
        trainee: what is trained.
        recipe: fields of a TextRecipe.
    """
    trained = yield from trainee.train(TextRecipe(**recipe))
    return Measurement(trained.validation.loss / log(2), trained.details())
