"""AlphaNet: distillation by an adaptive alpha divergence (Wang et al., 2021, arXiv:2102.07954)."""

from typing import Annotated

from pydantic import Field

from search.supernets.losses import AdaptiveAlpha, InplaceDistillation
from search.supernets.noise import DropsIn
from search.supernets.paths.sandwich import Sandwich
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

Order = Annotated[float, Field(ge=-10, le=10, description="Order of a divergence.")]


@recipes.register
@comes_from("Wang et al. (2021), arXiv:2102.07954", evidence="code")
def alphanet(  # noqa: PLR0913  # parameters
    *,
    epochs: Epochs = EPOCHS,
    batch_size: BatchSize = BATCH_SIZE,
    lr: Rate = LR,
    weight_decay: Decay = WEIGHT_DECAY,
    optimizer: Optimizer = "sgd",
    num_mid: NumMid = 2,
    alpha_minus: Order = -1.0,
    alpha_plus: Order = 1.0,
    ratio_limit: Limit = 5.0,
    dropout: Share = DROPOUT,
    drop_path: Share = DROP_PATH,
    drops_in: DropsIn = "last_two_stages",
    smoothing: Share = SMOOTHING,
    clip_value: Limit = CLIP_VALUE,
    precision: Precision = "float32",
) -> Recipe:
    """A sandwich that distils by the larger of two alpha divergences, image by image; code.

    Args:
        epochs: how many.
        batch_size: images a step.
        lr: learning rate at its highest, for batches of this size.
        weight_decay: of weights, not of biases and norms.
        optimizer: with momentum .9, or betas .9 and .999.
        num_mid: random subnets a step.
        alpha_minus: one order.
        alpha_plus: the other.
        ratio_limit: greatest power of the ratio of teacher and student; 0 for none.
        dropout: of the largest subnet's features.
        drop_path: of the largest subnet's last block; earlier blocks less.
        drops_in: which blocks drop their path: those of the last two stages, at a rate that grows
            with their place from 0, code; or all, at a rate that grows from 1. Where there are no
            stages, as in transformers, all do either way.
        smoothing: of the labels.
        clip_value: limit of every entry of the gradient; 0 for none.
        precision: of forward passes.
    """

    def loss() -> InplaceDistillation:
        return distillation(smoothing, AdaptiveAlpha(alpha_minus, alpha_plus, ratio_limit or None))

    return Recipe(
        paths=lambda net, rng: Sandwich(net.space, rng, num_mid),
        unfit_reason=Sandwich.unfit_reason,
        epochs=epochs,
        batch_size=batch_size,
        lr=rate(lr, epochs),
        norms="recalibrated",
        loss=loss,
        dropping=dropping(dropout, drop_path, drops_in),
        optimiser=optimiser(weight_decay, optimizer),
        clip=value_clip(clip_value),
        precision=precision,
    )
