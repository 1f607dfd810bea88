"""What recipes of one architecture a step and hard labels have in common.

How to Train Your Super-Net (Yu et al., 2020, arXiv:2003.04276): the defaults of a later code base
by the same author.
"""

from collections.abc import Callable

import numpy as np

from search.supernets.norms import Policy
from search.supernets.paths import PathSampler
from search.supernets.recipe import Precision, Recipe
from search.supernets.schedules import cosine
from search.supernets.supernet import Supernet
from search.supernets.updates import Clip, Optimiser

EPOCHS, BATCH_SIZE, LR, LAST_LR, WEIGHT_DECAY, CLIP_NORM = 150, 64, 0.025, 0.001, 3e-4, 5.0


def plain_recipe(  # noqa: PLR0913  # what can be set
    paths: type[PathSampler],
    *,
    epochs: int,
    batch_size: int,
    lr: float,
    last_lr: float,
    weight_decay: float,
    clip_norm: float,
    source: str,
    norms: Policy,
    affine: bool,
    precision: Precision,
) -> Recipe:
    """Stochastic gradient descent with a cosine, and a sampler that needs the space alone."""
    return Recipe(
        paths=_of_space(paths),
        unfit_reason=paths.unfit_reason,
        epochs=epochs,
        batch_size=batch_size,
        lr=cosine(lr, last_lr),
        source=source,
        norms=norms,
        affine_norms=affine,
        optimiser=Optimiser(momentum=0.9, weight_decay=weight_decay),
        clip=Clip("norm", clip_norm) if clip_norm else None,
        precision=precision,
    )


def _of_space(
    paths: type[PathSampler],
) -> Callable[[Supernet, np.random.Generator], PathSampler]:
    return lambda net, rng: paths(net.space, rng)
