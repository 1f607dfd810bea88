"""DepS: the largest alone at first, then its subnets are faded in (arXiv:2407.06167).

Annavajjala et al. (2024).
"""

from functools import partial
from typing import Annotated

from pydantic import Field

from search.supernets.aggregation import Aggregation
from search.supernets.losses import HardLabel, InplaceDistillation, soft_cross_entropy_at
from search.supernets.paths.sandwich import FullThenSandwich
from search.supernets.recipe import Dropping, Precision, Recipe
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
from search.supernets.schedules import cosine
from search.supernets.updates import Optimiser


@recipes.register
@comes_from("Annavajjala et al. (2024), arXiv:2407.06167", evidence="code")
def deps(  # noqa: PLR0913  # parameters
    *,
    epochs: Epochs = 270,
    batch_size: BatchSize = 128,
    lr: Rate = 0.1625,
    weight_decay: Decay = 3e-5,
    ready: Annotated[float, Field(gt=0, le=1, description="Share of the epochs.")] = 150 / 270,
    fade: Annotated[float, Field(ge=0, le=1, description="Share of the epochs.")] = 5 / 270,
    subnet_weight: Annotated[float, Field(gt=0, le=10)] = 1.0,
    num_mid: NumMid = 2,
    temperature: Annotated[float, Field(gt=0, le=100)] = 1.0,
    aggregation: Aggregation = "sum",
    sorts_channels: bool = True,
    smoothing: Share = 0.1,
    dropout: Share = 0.1,
    precision: Precision = "float32",
) -> Recipe:
    """The largest alone for half the epochs; then all, at a rate that rises with their weight.

    Code; the rule by which channels are sorted at the switch is assumed to be Once-for-All's.

    Args:
        epochs: how many.
        batch_size: images a step.
        lr: learning rate at the start, for batches of this size; falls as a cosine.
        weight_decay: of weights, not of biases and norms.
        ready: when subnets have their full weight, as a share of the epochs.
        fade: how long they are faded in before that, as a share of the epochs.
        subnet_weight: weight of a subnet's loss in the end.
        num_mid: random subnets a step.
        temperature: of distillation.
        aggregation: how the subnets' gradients become one.
        sorts_channels: important inner channels come first before subnets are trained.
        smoothing: of the labels.
        dropout: of the largest subnet's features.
        precision: of forward passes.
    """
    rate = cosine(lr)
    ready_epoch = round(ready * epochs)
    fade_epochs = min(ready_epoch, round(fade * epochs))
    return Recipe(
        paths=lambda net, rng: FullThenSandwich(
            net.space,
            rng,
            lr=rate,
            ready=ready_epoch,
            fade=fade_epochs,
            weight=subnet_weight,
            num_mid=num_mid,
        ),
        unfit_reason=FullThenSandwich.unfit_reason,
        epochs=epochs,
        batch_size=batch_size,
        lr=rate,
        norms="recalibrated",
        loss=partial(
            InplaceDistillation, HardLabel(smoothing), soft_cross_entropy_at(temperature)
        ),
        dropping=Dropping(dropout),
        optimiser=Optimiser(
            momentum=0.9, nesterov=True, weight_decay=weight_decay, decays_all=False
        ),
        aggregation=aggregation,
        sorts_before=ready_epoch - fade_epochs if sorts_channels else None,
        precision=precision,
    )
