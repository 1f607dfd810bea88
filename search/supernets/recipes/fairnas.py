"""FairNAS: strict fairness (Chu et al., 2021, arXiv:1907.01845)."""

from search.supernets.norms import Policy
from search.supernets.paths.fair import FairPermutation
from search.supernets.recipe import Precision, Recipe
from search.supernets.recipes import (
    BatchSize,
    Decay,
    Epochs,
    LastRate,
    Limit,
    Rate,
    Source,
    recipes,
)
from search.supernets.recipes._plain import (
    BATCH_SIZE,
    CLIP_NORM,
    EPOCHS,
    LAST_LR,
    LR,
    WEIGHT_DECAY,
    plain_recipe,
)


@recipes.register
def fairnas(  # noqa: PLR0913  # parameters
    *,
    epochs: Epochs = EPOCHS,
    batch_size: BatchSize = BATCH_SIZE,
    lr: Rate = LR,
    last_lr: LastRate = LAST_LR,
    weight_decay: Decay = WEIGHT_DECAY,
    clip_norm: Limit = CLIP_NORM,
    source: Source = "per_choice",
    norms: Policy = "recalibrated",
    affine: bool = True,
    precision: Precision = "float32",
) -> Recipe:
    """Every choice of every decision exactly once a step; gradients are summed.

    From its definition; settings are those of spos, so that the two can be compared.

    Args:
        epochs: how many.
        batch_size: images a step.
        lr: learning rate at the start; falls as a cosine.
        last_lr: learning rate at the end.
        weight_decay: of all parameters.
        clip_norm: limit of the gradient's norm; 0 for none.
        source: whether choices have weights of their own.
        norms: whose statistics normalise.
        affine: norms learn a scale and a shift; otherwise these stay 1 and 0.
        precision: of forward passes.
    """
    return plain_recipe(
        FairPermutation,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        last_lr=last_lr,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        source=source,
        norms=norms,
        affine=affine,
        precision=precision,
    )
