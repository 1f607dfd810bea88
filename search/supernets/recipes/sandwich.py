"""The sandwich rule with in-place distillation (Yu and Huang, 2019, arXiv:1903.05134)."""

from functools import partial

from search.supernets.losses import HardLabel
from search.supernets.paths.sandwich import Sandwich
from search.supernets.recipe import Precision, Recipe
from search.supernets.recipes import (
    BatchSize,
    Decay,
    Epochs,
    NumMid,
    Optimizer,
    Rate,
    Share,
    Source,
    comes_from,
    recipes,
)
from search.supernets.recipes._sandwich import (
    BATCH_SIZE,
    EPOCHS,
    LR,
    WEIGHT_DECAY,
    distillation,
    optimiser,
    rate,
)


@recipes.register
@comes_from("Yu and Huang (2019), arXiv:1903.05134", evidence="code")
def sandwich(  # noqa: PLR0913  # parameters
    *,
    epochs: Epochs = EPOCHS,
    batch_size: BatchSize = BATCH_SIZE,
    lr: Rate = LR,
    weight_decay: Decay = WEIGHT_DECAY,
    optimizer: Optimizer = "sgd",
    num_mid: NumMid = 2,
    distils: bool = True,
    smoothing: Share = 0.0,
    source: Source = "entangled",
    precision: Precision = "float32",
) -> Recipe:
    """Largest, smallest and some random subnets a step; the largest teaches the others.

    Without the refinements of BigNAS; the settings of the optimiser are AttentiveNAS's, so that
    these recipes can be compared.

    Args:
        epochs: how many.
        batch_size: images a step.
        lr: learning rate at its highest, for batches of this size.
        weight_decay: of weights, not of biases and norms.
        optimizer: with momentum .9, or betas .9 and .999.
        num_mid: random subnets a step.
        distils: whether the others learn from the largest, or from the labels too.
        smoothing: of the labels.
        source: whether choices have weights of their own.
        precision: of forward passes.
    """
    hard = partial(HardLabel, smoothing)
    return Recipe(
        paths=lambda net, rng: Sandwich(net.space, rng, num_mid),
        unfit_reason=Sandwich.unfit_reason,
        epochs=epochs,
        batch_size=batch_size,
        lr=rate(lr, epochs),
        source=source,
        norms="recalibrated",
        loss=partial(distillation, smoothing) if distils else hard,
        optimiser=optimiser(weight_decay, optimizer),
        precision=precision,
    )
