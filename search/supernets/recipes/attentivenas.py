"""AttentiveNAS: better and worse subnets of one cost (Wang et al., 2021, arXiv:2011.09011)."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from search.supernets.noise import DropsIn
from search.supernets.paths.sandwich import CostConditioned
from search.supernets.recipe import Precision, Recipe
from search.supernets.recipes import (
    BatchSize,
    Decay,
    Epochs,
    Limit,
    NumMid,
    Optimizer,
    Rate,
    Share,
    comes_from,
    recipes,
)
from search.supernets.recipes._sandwich import (
    BATCH_SIZE,
    CLIP_VALUE,
    DROP_PATH,
    DROPOUT,
    EPOCHS,
    LR,
    SMOOTHING,
    WEIGHT_DECAY,
    distillation,
    dropping,
    optimiser,
    rate,
    value_clip,
)


@recipes.register
@comes_from("Wang et al. (2021), arXiv:2011.09011", evidence="code")
def attentivenas(  # noqa: PLR0913  # parameters
    *,
    epochs: Epochs = EPOCHS,
    batch_size: BatchSize = BATCH_SIZE,
    lr: Rate = LR,
    weight_decay: Decay = WEIGHT_DECAY,
    optimizer: Optimizer = "sgd",
    num_mid: NumMid = 2,
    candidates: Annotated[int, Field(ge=1, le=50)] = 3,
    keeps: Literal["best", "worst"] = "best",
    cost_bins: Annotated[int, Field(ge=1, le=1000)] = 32,
    dropout: Share = DROPOUT,
    drop_path: Share = DROP_PATH,
    drops_in: DropsIn = "last_two_stages",
    smoothing: Share = SMOOTHING,
    clip_value: Limit = CLIP_VALUE,
    precision: Precision = "float32",
) -> Recipe:
    """A sandwich whose middle subnets are the best, or worst, of a few of one cost; code.

    Costs are multiply-adds; the number of bins is ours, where the authors have bins of 25
    million.

    Args:
        epochs: how many.
        batch_size: images a step.
        lr: learning rate at its highest, for batches of this size.
        weight_decay: of weights, not of biases and norms.
        optimizer: with momentum .9, or betas .9 and .999.
        num_mid: middle subnets a step.
        candidates: how many are compared for each.
        keeps: the candidate of the least or of the greatest loss; the authors' released
            settings keep the best of three ("bestup-3").
        cost_bins: groups of equal cost.
        dropout: of the largest subnet's features.
        drop_path: of the largest subnet's last block; earlier blocks less.
        drops_in: which blocks drop their path: those of the last two stages, at a rate that grows
            with their place from 0, code; or all, at a rate that grows from 1. Where there are no
            stages, as in transformers, all do either way.
        smoothing: of the labels.
        clip_value: limit of every entry of the gradient; 0 for none.
        precision: of forward passes.
    """
    return Recipe(
        paths=lambda net, rng: CostConditioned(
            net.space,
            rng,
            net.macs,
            num_mid=num_mid,
            candidates=candidates,
            keeps=keeps,
            num_bins=cost_bins,
        ),
        unfit_reason=CostConditioned.unfit_reason,
        epochs=epochs,
        batch_size=batch_size,
        lr=rate(lr, epochs),
        norms="recalibrated",
        loss=partial(distillation, smoothing),
        dropping=dropping(dropout, drop_path, drops_in),
        optimiser=optimiser(weight_decay, optimizer),
        clip=value_clip(clip_value),
        precision=precision,
    )
