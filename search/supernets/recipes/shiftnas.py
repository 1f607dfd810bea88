"""ShiftNAS, reconstructed: costs that need it are trained more (Zhang et al., ICCV 2023)."""

from typing import Annotated

from pydantic import Field

from search.relations import below
from search.supernets.bins import Mode
from search.supernets.norms import Policy
from search.supernets.paths.shift import BinShift
from search.supernets.paths.uniform import Uniform
from search.supernets.recipe import Recipe
from search.supernets.recipes import (
    BatchSize,
    Decay,
    Epochs,
    LastRate,
    Limit,
    Rate,
    comes_from,
    recipes,
)
from search.supernets.schedules import cosine
from search.supernets.updates import Clip, Optimiser


@recipes.register
@comes_from("Zhang et al. (ICCV 2023); read in summaries by others", evidence="reconstruction")
def shiftnas(  # noqa: PLR0913  # parameters
    *,
    epochs: Epochs = 150,
    batch_size: BatchSize = 64,
    lr: Rate = 0.025,
    last_lr: LastRate = 0.001,
    weight_decay: Decay = 3e-4,
    clip_norm: Limit = 5.0,
    shifts: bool = True,
    mode: Mode = "unrolled",
    bins: Annotated[int, Field(ge=2, le=100)] = 6,
    warmup_epochs: Annotated[int, below("epochs", ge=0)] = 50,
    every: Annotated[int, Field(ge=1, le=100_000)] = 100,
    cost_weight: Annotated[float, Field(ge=0, le=1e6)] = 10.0,
    architect_lr: Annotated[float, Field(gt=0, le=1)] = 0.01,
    shares_lr: Annotated[float, Field(gt=0, le=1)] = 1e-3,
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1,
    norms: Policy = "recalibrated",
) -> Recipe:
    """A reconstruction of ShiftNAS: costs that need it are trained more often.

    Zhang et al. (ICCV 2023). A reconstruction: no code was released, and all but the
    idea was read in summaries by others. An LSTM, the architect, draws a subnet for the cost of
    a bin, and the bins' shares are changed while the supernet is trained. Warm-up, interval, LSTM
    and the bins' optimiser are from a summary; all other settings, and both modes, are ours.

    Args:
        epochs: how many.
        batch_size: images a step.
        lr: learning rate at the start; falls as a cosine.
        last_lr: learning rate at the end.
        weight_decay: of all parameters.
        clip_norm: limit of the gradient's norm; 0 for none.
        shifts: otherwise subnets are drawn uniformly, as the baseline does.
        mode: how shares are changed: ``unrolled`` lowers the loss on held-out images after one
            step of the weights; ``gap`` follows how far these losses are above their least;
            ``none`` leaves them equal. Both ways are a reconstruction.
        bins: of equal width, from the least to the greatest multiply-adds.
        warmup_epochs: with equal shares; fewer than epochs.
        every: steps between changes of the shares.
        cost_weight: of the squared distance from the wanted cost, divided by it.
        architect_lr: learning rate of the architect.
        shares_lr: learning rate of the shares.
        held_out: share of the images that is not trained on but used to change the shares.
        norms: whose statistics normalise.
    """
    schedule = cosine(lr, last_lr)
    return Recipe(
        paths=lambda net, rng: (
            BinShift(
                net,
                rng,
                lr=schedule,
                mode=mode,
                num_bins=bins,
                warmup=warmup_epochs,
                every=every,
                cost_weight=cost_weight,
                architect_lr=architect_lr,
                shares_lr=shares_lr,
            )
            if shifts
            else Uniform(net.space, rng)
        ),
        unfit_reason=BinShift.unfit_reason,
        epochs=epochs,
        batch_size=batch_size,
        lr=schedule,
        norms=norms,
        optimiser=Optimiser(momentum=0.9, weight_decay=weight_decay),
        clip=Clip("norm", clip_norm) if clip_norm else None,
        held_out=held_out if shifts else 0.0,
    )
