"""BigNAS: one elastic network whose slices need no further training (arXiv:2003.11142).

Yu et al. (2020). The authors' training code was never released; the structure follows
AttentiveNAS's code, and the schedule's decay and interval are from memory.
"""

from functools import partial
from typing import Literal

from search.supernets.noise import DropsIn
from search.supernets.paths.sandwich import Sandwich
from search.supernets.recipe import Precision, Recipe
from search.supernets.recipes import (
    BatchSize,
    Decay,
    Epochs,
    Limit,
    NumMid,
    Rate,
    Share,
    comes_from,
    recipes,
)
from search.supernets.recipes._sandwich import (
    BATCH_SIZE,
    DROP_PATH,
    DROPOUT,
    EPOCHS,
    LR,
    SMOOTHING,
    WARMUP_FACTOR,
    WEIGHT_DECAY,
    distillation,
    dropping,
    optimiser,
    value_clip,
    warmup,
)
from search.supernets.schedules import decay_then_constant
from search.supernets.updates import Optimiser


@recipes.register
@comes_from(
    "Yu et al. (2020), arXiv:2003.11142; structure from AttentiveNAS's code",
    evidence="reconstruction",
)
def bignas(  # noqa: PLR0913  # parameters
    *,
    epochs: Epochs = EPOCHS,
    batch_size: BatchSize = BATCH_SIZE,
    lr: Rate = LR,
    weight_decay: Decay = WEIGHT_DECAY,
    num_mid: NumMid = 2,
    dropout: Share = DROPOUT,
    drop_path: Share = DROP_PATH,
    drops_in: DropsIn = "last_two_stages",
    smoothing: Share = SMOOTHING,
    clip_value: Limit = 0.0,
    starts_as_identity: bool = True,
    optimizer: Literal["sgd", "rmsprop"] = "sgd",
    precision: Precision = "float32",
) -> Recipe:
    """Sandwich, in-place distillation, residual branches that start at zero, a floor of the rate.

    The optimiser is AttentiveNAS's; the paper's, from memory, is rmsprop.

    Args:
        epochs: how many; the rate decays by .97 every 2.4 of them, to a twentieth.
        batch_size: images a step.
        lr: learning rate at its highest, for batches of this size.
        weight_decay: of weights, not of biases and norms.
        num_mid: random subnets a step.
        dropout: of the largest subnet's features.
        drop_path: of the largest subnet's last block; earlier blocks less.
        drops_in: which blocks drop their path: those of the last two stages, at a rate that grows
            with their place from 0, code; or all, at a rate that grows from 1. Where there are no
            stages, as in transformers, all do either way.
        smoothing: of the labels.
        clip_value: limit of every entry of the gradient; 0 for none.
        starts_as_identity: the scale of the last norm of every branch starts at 0; in transformers
            its last layer, which is ours.
        optimizer: which.
        precision: of forward passes.
    """
    nesterov = optimiser(weight_decay)
    rmsprop = Optimiser("rmsprop", 0.9, weight_decay=weight_decay, decays_all=False)
    return Recipe(
        paths=lambda net, rng: Sandwich(net.space, rng, num_mid),
        unfit_reason=Sandwich.unfit_reason,
        epochs=epochs,
        batch_size=batch_size,
        lr=decay_then_constant(lr, warmup=warmup(epochs), warmup_factor=WARMUP_FACTOR),
        norms="recalibrated",
        loss=partial(distillation, smoothing),
        dropping=dropping(dropout, drop_path, drops_in),
        optimiser=rmsprop if optimizer == "rmsprop" else nesterov,
        clip=value_clip(clip_value),
        starts_as_identity=starts_as_identity,
        precision=precision,
    )
