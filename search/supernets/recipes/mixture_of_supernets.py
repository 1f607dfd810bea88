"""Mixture-of-Supernets: experts' weights, routed by the architecture (arXiv:2306.04845).

Jawahar et al. (2024). The authors train language models; here it is for images, which is ours.
"""

from functools import partial
from typing import Annotated

from pydantic import Field

from search.spaces import Space
from search.supernets.losses import HardLabel
from search.supernets.paths.sandwich import Sandwich
from search.supernets.recipe import Precision, Recipe
from search.supernets.recipes import (
    BatchSize,
    Decay,
    Epochs,
    NumMid,
    Rate,
    Share,
    comes_from,
    recipes,
)
from search.supernets.recipes._sandwich import (
    BATCH_SIZE,
    EPOCHS,
    LR,
    SMOOTHING,
    WEIGHT_DECAY,
    optimiser,
    rate,
)
from search.supernets.sources import SourceMaker, sources
from search.supernets.sources.routed import Level, Routed


@recipes.register
@comes_from("Jawahar et al. (2024), arXiv:2306.04845", evidence="code")
def mixture_of_supernets(  # noqa: PLR0913  # parameters
    *,
    epochs: Epochs = EPOCHS,
    batch_size: BatchSize = BATCH_SIZE,
    lr: Rate = LR,
    weight_decay: Decay = WEIGHT_DECAY,
    num_mid: NumMid = 1,
    experts: Annotated[int, Field(ge=1, le=8)] = 2,
    level: Level = "neuron",
    smoothing: Share = SMOOTHING,
    precision: Precision = "float32",
) -> Recipe:
    """A sandwich with true labels; a router mixes experts' weights for every architecture.

    Routing is as in the authors' code; optimiser and data are those of the other sandwiches.

    Args:
        epochs: how many.
        batch_size: images a step.
        lr: learning rate at its highest, for batches of this size.
        weight_decay: of weights, not of biases and norms.
        num_mid: random subnets a step.
        experts: sets of weights; with one, weights are entangled.
        level: one mixture for a layer (for both of an MLP), or one for each output.
        smoothing: of the labels.
        precision: of forward passes.
    """

    def source(space: Space) -> SourceMaker:
        entangled = sources["entangled"]
        made: partial[Routed] = partial(
            Routed, inner=entangled, space=space, num_experts=experts, level=level
        )
        return made

    return Recipe(
        paths=lambda net, rng: Sandwich(net.space, rng, num_mid),
        unfit_reason=Sandwich.unfit_reason,
        epochs=epochs,
        batch_size=batch_size,
        lr=rate(lr, epochs),
        source=source,
        norms="recalibrated",
        loss=partial(HardLabel, smoothing),
        optimiser=optimiser(weight_decay),
        precision=precision,
    )
