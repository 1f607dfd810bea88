"""Few-shot NAS: a sub-supernet for each choice (Zhao et al., 2021, arXiv:2006.06863)."""

from typing import Annotated

from search.relations import of_decision
from search.spaces import Space
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
from search.supernets.splitters import EveryChoice
from search.supernets.updates import Clip, Optimiser

MAX_MEMBERS = 128


@recipes.register
@comes_from("Zhao et al. (2021), arXiv:2006.06863", evidence="code")
def few_shot(  # noqa: PLR0913  # parameters
    *,
    epochs: Epochs = 600,
    member_epochs: Epochs = 300,
    decision: Annotated[int, of_decision(ge=0, le=1000)] = 0,
    decisions: Annotated[int, of_decision("decision", MAX_MEMBERS, ge=1, le=10)] = 1,
    restarts: bool = False,
    batch_size: BatchSize = 48,
    lr: Rate = 0.025,
    last_lr: LastRate = 0.001,
    weight_decay: Decay = 1e-4,
    clip_norm: Limit = 0.0,
    source: Source = "per_choice",
    norms: Policy = "recalibrated",
    affine: Affine = False,
    precision: Precision = "float32",
) -> Recipe:
    """One supernet, then a sub-supernet for every choice of a decision, from its weights; code.

    One architecture a step, drawn uniformly. Defaults are the authors' for NAS-Bench-201, where
    the first edge is split; clipping and the norms' policy are ours, as is that a sub-supernet's
    optimiser goes on with the momenta of the supernet.

    Args:
        epochs: of the one supernet.
        member_epochs: of each sub-supernet, with a learning rate that begins anew.
        decision: the first that is split, from 0.
        decisions: how many neighbours are split, into all combinations of their choices.
        restarts: sub-supernets have first values of their own instead of the supernet's weights.
        batch_size: images a step.
        lr: learning rate at the start; falls as a cosine.
        last_lr: learning rate at the end.
        weight_decay: of all parameters.
        clip_norm: limit of the gradient's norm; 0 for none.
        source: whether choices have weights of their own.
        norms: whose statistics normalise.
        affine: norms learn a scale and a shift; the authors' do not, code.
        precision: of forward passes.
    """
    splitter = EveryChoice(tuple(range(decision, decision + decisions)))

    def unfit_reason(space: Space) -> str | None:
        reason = splitter.unfit_reason(space)
        if reason:
            return reason
        count = splitter.num_parts(space)
        if count > MAX_MEMBERS:
            return f"{count:,} sub-supernets are too many; {MAX_MEMBERS} are the limit"
        return Uniform.unfit_reason(space)

    return Recipe(
        paths=lambda net, rng: Uniform(net.space, rng),
        unfit_reason=unfit_reason,
        epochs=epochs,
        batch_size=batch_size,
        lr=cosine(lr, last_lr),
        source=source,
        norms=norms,
        optimiser=Optimiser(momentum=0.9, nesterov=True, weight_decay=weight_decay),
        clip=Clip("norm", clip_norm) if clip_norm else None,
        affine_norms=affine,
        precision=precision,
        phases=(Phase(splitter, member_epochs, restarts=restarts),),
    )
