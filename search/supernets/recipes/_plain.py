"""What recipes of one architecture a step and hard labels have in common.

How to Train Your Super-Net (Yu et al., 2020, arXiv:2003.04276): the defaults of a later code base
by the same author.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from search.relations import needs, of_supernet, relation_problems
from search.spaces import Space
from search.supernets.norms import Policy
from search.supernets.paths import PathSampler
from search.supernets.recipe import Dropping, Precision, Recipe
from search.supernets.recipes import (
    BatchSize,
    Decay,
    Epochs,
    LastRate,
    Limit,
    Optimizer,
    Rate,
    Share,
    Source,
)
from search.supernets.schedules import cosine
from search.supernets.sources import SourceMaker, sources
from search.supernets.sources._drawn_channels import Channels, DrawnChannels
from search.supernets.sources._transformed_kernels import TransformedKernels
from search.supernets.supernet import Supernet
from search.supernets.updates import Clip, Optimiser

Kernels = Literal["middle", "transformed"]


class PlainSettings(BaseModel):
    """What can be set of such a recipe.

    Attributes:
        epochs: how many.
        batch_size: images a step.
        lr: learning rate at the start; falls as a cosine.
        last_lr: learning rate at the end.
        weight_decay: of all parameters.
        clip_norm: limit of the gradient's norm; 0 for none.
        dropout: of the features before the classifier.
        drop_path: of the last block's branches, or the last cell's operations but skips; less the
            earlier they come.
        optimizer: with momentum .9, or betas .9 and .999.
        source: whether choices have weights of their own.
        channels: of entangled weights, which ones a layer takes that needs fewer than there are.
        kernels: of entangled weights: smaller ones are the middle of larger ones, or a learned
            function of it, as in Once-for-All.
        norms: whose statistics normalise.
        affine: norms learn a scale and a shift; otherwise these stay 1 and 0.
        node_norms: nodes of cells are normalised too, by a norm for each set of predecessors.
        precision: of forward passes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: Epochs = 150
    batch_size: BatchSize = 64
    lr: Rate = 0.025
    last_lr: LastRate = 0.001
    weight_decay: Decay = 3e-4
    clip_norm: Limit = 5.0
    dropout: Share = 0.0
    drop_path: Share = 0.0
    optimizer: Optimizer = "sgd"
    source: Source = "per_choice"
    channels: Annotated[Channels, needs("source", "entangled")] = "first"
    kernels: Annotated[Kernels, needs("source", "entangled", of_kind="kernel")] = "middle"
    norms: Policy = "recalibrated"
    affine: bool = True
    node_norms: Annotated[
        bool, of_supernet("A norm for every set of predecessors of a node; for nasbench201.")
    ] = False
    precision: Precision = "float32"


def plain_recipe(paths: type[PathSampler], settings: PlainSettings) -> Recipe:
    """Stochastic gradient descent with a cosine, and a sampler that needs the space alone.

    Raises:
        ValueError: settings do not go together.
    """
    for name, message in relation_problems(PlainSettings.model_json_schema(), dict(settings)):
        raise ValueError(f"{name}: {message}")
    clip_norm = settings.clip_norm
    is_usual = (settings.channels, settings.kernels) == ("first", "middle")
    return Recipe(
        paths=_of_space(paths),
        unfit_reason=partial(_unfit_reason, paths, settings.kernels),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        lr=cosine(settings.lr, settings.last_lr),
        source=settings.source if is_usual else partial(_source, settings=settings),
        norms=settings.norms,
        affine_norms=settings.affine,
        node_norms=settings.node_norms,
        dropping=Dropping(settings.dropout, settings.drop_path, ("solo",), "all_stages"),
        optimiser=Optimiser(settings.optimizer, 0.9, weight_decay=settings.weight_decay),
        clip=Clip("norm", clip_norm) if clip_norm else None,
        precision=settings.precision,
    )


def _source(space: Space, settings: PlainSettings) -> SourceMaker:
    maker = sources[settings.source]
    if settings.channels != "first":
        maker = partial(DrawnChannels, policy=settings.channels)
    if settings.kernels == "transformed":
        return partial(TransformedKernels, inner=maker, space=space)
    return maker


def _unfit_reason(paths: type[PathSampler], kernels: Kernels, space: Space) -> str | None:
    if kernels == "transformed" and all(d.kind != "kernel" for d in space.decisions):
        return "none of its decisions is the size of a kernel that could be transformed"
    return paths.unfit_reason(space)


def _of_space(
    paths: type[PathSampler],
) -> Callable[[Supernet, np.random.Generator], PathSampler]:
    return lambda net, rng: paths(net.space, rng)
