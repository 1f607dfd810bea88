"""Gradient matching: sub-supernets of choices whose gradients agree (Hu et al., 2022)."""

from typing import Annotated, Literal

from pydantic import Field

from search.relations import of_splits
from search.spaces import Space
from search.supernets.matching import Rule
from search.supernets.norms import Policy
from search.supernets.paths.uniform import Uniform
from search.supernets.recipe import Phase, Precision, Recipe
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
from search.supernets.schedules import cosine
from search.supernets.splitters import TwoGroups
from search.supernets.updates import Clip, Optimiser


@recipes.register
@comes_from("Hu et al. (2022), arXiv:2203.15207", evidence="code")
def gradient_matching(  # noqa: PLR0913  # parameters
    *,
    epochs: Epochs = 20,
    epochs_between: Epochs = 20,
    last_epochs: Epochs = 50,
    splits: Annotated[int, of_splits(ge=0, le=6)] = 2,
    rule: Rule = "inter",
    grouping: Literal["gradients", "random"] = "gradients",
    batches: Annotated[int, Field(ge=1, le=10_000)] = 100,
    restarts: bool = False,
    schedule: Literal["whole", "fresh"] = "whole",
    batch_size: BatchSize = 64,
    lr: Rate = 0.025,
    last_lr: LastRate = 0.001,
    weight_decay: Decay = 1e-4,
    nesterov: bool = True,
    clip_norm: Limit = 5.0,
    source: Source = "per_choice",
    norms: Policy = "recalibrated",
    affine: Affine = False,
    precision: Precision = "float32",
) -> Recipe:
    """Every sub-supernet is split in two again and again, by the gradients of the choices; code.

    Hu et al. (2022), arXiv:2203.15207. One architecture a step, drawn uniformly. Defaults are the
    authors' for random paths on NAS-Bench-201; which of *restarts* and *schedule* their scripts
    set, the norms' policy and clipping are ours.

    Args:
        epochs: of the one supernet.
        epochs_between: of each sub-supernet between one split and the next.
        last_epochs: of each sub-supernet after the last split.
        splits: how many; each doubles the number of sub-supernets.
        rule: which decision is split: ``inter`` has the greatest distance between two groups, one
            of which has two choices (their code for NAS-Bench-201), ``intra`` the least distance
            within them (their code for the DARTS space).
        grouping: ``random`` draws decision and groups instead: a control.
        batches: how many the gradients of each decision are taken from.
        restarts: after the last split all have first values of their own.
        schedule: one learning rate schedule for all, or one that begins anew after every split.
        batch_size: images a step.
        lr: learning rate at the start; falls as a cosine.
        last_lr: learning rate at the end.
        weight_decay: of all parameters.
        nesterov: kind of momentum.
        clip_norm: limit of the gradient's norm; 0 for none.
        source: whether choices have weights of their own.
        norms: whose statistics normalise.
        affine: norms learn a scale and a shift; the authors' do not, code.
        precision: of forward passes.
    """
    splitter = TwoGroups(rule, batches, grouping == "random", times=splits)
    phases = tuple(
        Phase(
            splitter,
            last_epochs if is_last else epochs_between,
            continues=schedule == "whole",
            restarts=restarts and is_last,
        )
        for is_last in (number == splits for number in range(1, splits + 1))
    )

    def unfit_reason(space: Space) -> str | None:
        return splitter.unfit_reason(space) or Uniform.unfit_reason(space)

    return Recipe(
        paths=lambda net, rng: Uniform(net.space, rng),
        unfit_reason=unfit_reason,
        epochs=epochs,
        batch_size=batch_size,
        lr=cosine(lr, last_lr),
        source=source,
        norms=norms,
        optimiser=Optimiser(momentum=0.9, nesterov=nesterov, weight_decay=weight_decay),
        clip=Clip("norm", clip_norm) if clip_norm else None,
        affine_norms=affine,
        precision=precision,
        phases=phases,
    )
