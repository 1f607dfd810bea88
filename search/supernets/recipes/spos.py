"""SPOS: single path, one shot (Guo et al., 2020, arXiv:1904.00420)."""

from search.supernets.norms import Policy
from search.supernets.paths.uniform import Uniform
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
def spos(  # noqa: PLR0913  # parameters
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
    """One architecture a step, every choice drawn uniformly; the baseline of all others.

    Settings follow How to Train Your Super-Net, code.

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
        Uniform,
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
