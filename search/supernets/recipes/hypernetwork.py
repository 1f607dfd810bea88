"""A hypernetwork that generates the weights of subnets, after SMASH (arXiv:1708.05344).

Brock et al. (2018); the generator is that of Ha et al. (2017), arXiv:1609.09106.
"""

from functools import partial
from typing import Annotated

from pydantic import Field

from search.spaces import Space
from search.supernets.paths.uniform import Uniform
from search.supernets.recipe import Precision, Recipe
from search.supernets.recipes import (
    BatchSize,
    Decay,
    Epochs,
    Limit,
    Rate,
    Source,
    comes_from,
    recipes,
)
from search.supernets.schedules import cosine
from search.supernets.sources import SourceMaker, sources
from search.supernets.sources.generated import Generated
from search.supernets.updates import Clip, Optimiser


@recipes.register
@comes_from(
    "Brock et al. (2018), arXiv:1708.05344; Ha et al. (2017), arXiv:1609.09106", evidence="paper"
)
def hypernetwork(  # noqa: PLR0913  # parameters
    *,
    epochs: Epochs = 100,
    batch_size: BatchSize = 64,
    lr: Rate = 1e-3,
    weight_decay: Decay = 1e-4,
    clip_norm: Limit = 5.0,
    embedding: Annotated[int, Field(ge=1, le=256)] = 8,
    sees_archs: bool = True,
    source: Source = "entangled",
    precision: Precision = "float32",
) -> Recipe:
    """One random architecture a step, whose convolutions a hypernetwork generates.

    The optimiser is SMASH's, code; epochs, batch, clipping and the generator's conditioning on the
    architecture are ours.

    Args:
        epochs: how many.
        batch_size: images a step.
        lr: learning rate at the start; falls as a cosine.
        weight_decay: of all that is not generated; the hypernetwork has none.
        clip_norm: limit of the gradient's norm; 0 for none.
        embedding: numbers that stand for a layer, and for an architecture.
        sees_archs: the generator sees the architecture; otherwise layers alone.
        source: of what is not generated.
        precision: of forward passes.
    """

    def generated(space: Space) -> SourceMaker:
        made: partial[Generated] = partial(
            Generated,
            inner=sources[source],
            space=space,
            length=embedding,
            sees_archs=sees_archs,
        )
        return made

    return Recipe(
        paths=lambda net, rng: Uniform(net.space, rng),
        unfit_reason=_unfit_reason,
        epochs=epochs,
        batch_size=batch_size,
        lr=cosine(lr),
        source=generated,
        norms="recalibrated",
        optimiser=Optimiser("adam", 0.5, weight_decay=weight_decay, eps=1e-4),
        clip=Clip("norm", clip_norm) if clip_norm else None,
        precision=precision,
    )


def _unfit_reason(space: Space) -> str | None:
    if any(decision.kind == "heads" for decision in space.decisions):
        return "its networks are transformers, and what is generated are kernels of convolutions"
    return Uniform.unfit_reason(space)
