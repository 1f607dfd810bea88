"""Size of gradients by their variation over batches (Li et al., 2023, arXiv:2301.11300)."""

import math
from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    needs_labels=True,
    passes="one forward, one backward for each of two batches",
    fails_on="not defined where the data has no second batch of other images; weights whose "
    "gradient is the same in all batches are left out",
    source="Li et al. (2023), SLDGroup/ZiCo",
)
def zico(probe: Probe, /, *, batches: Annotated[int, Field(ge=2, le=16)] = 2) -> float:
    """Sum over layers of log(sum over weights of mean |gradient| by its standard deviation).

    Args:
        probe: whose network, batch and further batches of other images.
        batches: how many; the source takes two.
    """
    names = list(probe.weights)
    gradients = [list(probe.weight_gradients.values())]
    for place in range(1, batches):
        batch = probe.batch_at(place)
        x_BCHW, y_B = batch.x_BCHW.to(probe.device), batch.y_B.to(probe.device)
        found = probe.loss_gradients(probe.parameters, x_BCHW, y_B)
        gradients.append([found[f"{name}.weight"] for name in names])
    return score_of_gradients(gradients)


def score_of_gradients(gradients: Sequence[Sequence[Tensor]]) -> float:
    """The score of the gradients of each batch, by layer."""
    ratios = [_ratio(torch.stack(layer)) for layer in zip(*gradients, strict=True)]
    return sum((math.log(ratio) for ratio in ratios if ratio != 0), 0.0)


def _ratio(gradients_NW: Tensor) -> float:
    gradients_NW = gradients_NW.double()
    deviation_W = gradients_NW.std(dim=0, correction=0)
    mean_W = gradients_NW.abs().mean(dim=0)
    varies_W = deviation_W != 0
    return float((mean_W[varies_W] / deviation_W[varies_W]).sum())
