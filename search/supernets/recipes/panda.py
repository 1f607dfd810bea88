"""PA&DA: paths and data drawn by their gradients (Lu et al., 2023, arXiv:2302.14772)."""

from functools import partial

from search.supernets.examples import ImportanceData
from search.supernets.paths.importance import ImportancePath
from search.supernets.recipe import Precision, Recipe
from search.supernets.recipes import (
    Affine,
    BatchSize,
    Decay,
    Epochs,
    LastRate,
    Limit,
    Rate,
    Source,
    comes_from,
    recipes,
)
from search.supernets.schedules import cosine, linear_smoothing, no_smoothing
from search.supernets.updates import Clip, Optimiser


@recipes.register
@comes_from("Lu et al. (2023), arXiv:2302.14772", evidence="code")
def panda(  # noqa: PLR0913  # parameters
    *,
    epochs: Epochs = 250,
    batch_size: BatchSize = 256,
    lr: Rate = 0.05,
    last_lr: LastRate = 0.0,
    weight_decay: Decay = 2.5e-4,
    clip_norm: Limit = 5.0,
    weighs_paths: bool = True,
    weighs_data: bool = True,
    reweights: bool = False,
    source: Source = "per_choice",
    affine: Affine = False,
    precision: Precision = "float32",
) -> Recipe:
    """One architecture a step; operations and images are drawn by the norms of their gradients.

    Code, but for the rate, which falls with every step here instead of every epoch, and for the
    second epoch, which has every image once here: images are drawn again and again from the third
    on. Without either weighing this is spos with other settings.

    Args:
        epochs: how many; the first two are uniform.
        batch_size: images a step.
        lr: learning rate at the start; falls as a cosine.
        last_lr: learning rate at the end.
        weight_decay: of all parameters.
        clip_norm: limit of the gradient's norm; 0 for none. Norms are read after it.
        weighs_paths: draw operations by their gradients.
        weighs_data: draw images by their gradients.
        reweights: divide losses by how often images are drawn; the paper's, from memory.
        source: whether choices have weights of their own.
        affine: norms learn a scale and a shift; the authors' do not, code.
        precision: of forward passes.
    """
    paths = linear_smoothing if weighs_paths else no_smoothing
    data = linear_smoothing if weighs_data else no_smoothing
    return Recipe(
        paths=lambda net, rng: ImportancePath(net, rng, paths),
        unfit_reason=ImportancePath.unfit_reason,
        epochs=epochs,
        batch_size=batch_size,
        lr=cosine(lr, last_lr),
        source=source,
        norms="batch",
        data=partial(ImportanceData, smoothing=data, reweights=reweights),
        optimiser=Optimiser(momentum=0.9, weight_decay=weight_decay),
        clip=Clip("norm", clip_norm) if clip_norm else None,
        affine_norms=affine,
        precision=precision,
    )
