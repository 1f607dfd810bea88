"""Outputs under two constant weights compared (Gracheva, 2023, arXiv:2302.04406)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="zero_aware",
    depends_on=("network", "data", "environment"),
    passes="two forward",
    fails_on="nan where the lower constant leaves equal outputs: on NAS-Bench-201 the 6,399 "
    "cells with no path of skips and pools alone, and networks with layer norm, which makes equal "
    "channels 0",
    source="Gracheva (2023), epsinas",
)
def epsinas(
    probe: Probe,
    /,
    *,
    low: Annotated[float, Field(gt=0)] = 1e-7,
    high: Annotated[float, Field(gt=0)] = 1.0,
) -> float:
    """Relative difference of the normalised outputs of a network with all weights equal.

    With all weights of a kind equal it does not matter whether two branches share a layer, so
    that cells of one expression have one value: the coarsest equivalence holds.

    Args:
        probe: whose network, with a single output, and images; labels are not read.
        low: the lower constant.
        high: the upper constant.
    """
    return score_of_outputs(*probe.constant_outputs(low, high))


def score_of_outputs(low_B: Tensor, high_B: Tensor) -> float:
    """Mean absolute difference over mean, after scaling each to 0..1 and leaving out zeros."""
    q_2B = torch.stack([_scaled(low_B), _scaled(high_B)])
    q_2B = torch.where(q_2B == 0, torch.nan, q_2B)
    return float((q_2B[0] - q_2B[1]).abs().nanmean() / q_2B.nanmean())


def _scaled(p_B: Tensor) -> Tensor:
    known = p_B[~p_B.isnan()]
    if not known.numel():
        return p_B
    return (p_B - known.min()) / (known.max() - known.min())
