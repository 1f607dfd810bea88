"""Deeper Insights: every architecture in turn, sharing more or less (arXiv:2001.01431).

Zhang et al. (2020).
"""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from search.relations import of_archs
from search.spaces import Space
from search.supernets.paths.round_robin import Order, RoundRobin
from search.supernets.recipe import Recipe
from search.supernets.recipes import (
    BatchSize,
    Decay,
    Epochs,
    LastRate,
    Rate,
    comes_from,
    recipes,
)
from search.supernets.schedules import cosine
from search.supernets.sharing import Policy, shared_source
from search.supernets.updates import Optimiser

MAX_SIZE = 10_000  # architectures that are trained in turn


@recipes.register
@comes_from("Zhang et al. (2020), arXiv:2001.01431", evidence="code")
def deeper_insights(  # noqa: PLR0913  # parameters
    *,
    epochs: Epochs = 200,
    batch_size: BatchSize = 256,
    lr: Rate = 0.025,
    last_lr: LastRate = 0.001,
    weight_decay: Decay = 1e-3,
    order: Order = "fixed",
    sharing: Policy = "all",
    groups: Annotated[int, of_archs(ge=1, le=MAX_SIZE)] = 1,
    parts: Annotated[int, Field(ge=0, le=100)] = 0,
    keyword: Annotated[str, Field(max_length=40)] = "",
    shares_others: bool = False,
    norms: Literal["tracked", "batch", "recalibrated"] = "tracked",
) -> Recipe:
    """One architecture a step, all in turn; sharing may be limited to groups or to parts; code.

    Args:
        epochs: how many; the authors have 2,000 for ``prefix`` and ``keyword``.
        batch_size: images a step.
        lr: learning rate at the start; falls as a cosine.
        last_lr: learning rate at the end.
        weight_decay: of all parameters.
        order: as the space lists them, shuffled once, or shuffled for every round.
        sharing: who shares what.
        groups: how many, of a sharing in groups; random ones are others for every seed.
        parts: cells or stages that all share, of ``prefix``.
        keyword: layers that have it in their kind or name are shared, of ``keyword``.
        shares_others: those that do not have the keyword are shared instead.
        norms: whose statistics normalise.
    """

    def unfit_reason(space: Space) -> str | None:
        if space.size > MAX_SIZE:
            return (
                f"{space.size:,} architectures are too many to be trained in turn; "
                f"{MAX_SIZE:,} are the limit"
            )
        if groups > space.size:
            return f"{groups} groups are more than the {space.size} architectures there are"
        return RoundRobin.unfit_reason(space)

    return Recipe(
        paths=lambda net, rng: RoundRobin(net.space, rng, order=order),
        unfit_reason=unfit_reason,
        epochs=epochs,
        batch_size=batch_size,
        lr=cosine(lr, last_lr),
        source=partial(
            shared_source,
            policy=sharing,
            num_groups=groups,
            num_parts=parts,
            keyword=keyword,
            is_inverted=shares_others,
        ),
        norms=norms,
        momentum_of_norms=0.4,
        optimiser=Optimiser(momentum=0.9, weight_decay=weight_decay),
    )
