"""Outputs under two constant weights compared (Gracheva, 2023, arXiv:2302.04406)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from search.networks import (
    _cells,
    _darts,
    _elastic_tiny,
    _nasbench101,
    _nasbench_macro,
    _nasbench_nlp,
)
from search.probe import Probe
from search.proxies import proxies
from search.recurrent_outputs import recurrent_output
from search.traits import declares

NASBENCH201 = 1e-7, 1.0
NASBENCH101 = 1e-4, 10.0
NASBENCH_NLP = 1e-5, 1e-3
# These three are the authors'. For the others no constants are published, and with
# those of NAS-Bench-201 the outputs are equal for nearly all: that they get the same is ours.
CONSTANTS: dict[type, tuple[float, float]] = dict.fromkeys(
    (
        _nasbench101.Network,
        _nasbench_macro.Network,
        _darts.Network,
        _cells.Network,
        _elastic_tiny.Network,
    ),
    NASBENCH101,
) | {_nasbench_nlp.Network: NASBENCH_NLP}
Constant = Annotated[float, Field(ge=0, description="0 takes that of the space.")]


@proxies.register
@declares(
    equivalence="zero_aware",
    depends_on=("network", "data", "environment"),
    passes="two forward",
    fails_on="nan where the lower constant leaves equal outputs: on NAS-Bench-201 the 6,399 "
    "cells with no path of skips and pools alone, most of mobile and nasbench_macro, and networks "
    "with layer norm, which makes equal channels 0; recurrent cells that overflow",
    source="Gracheva (2023), epsinas",
)
def epsinas(
    probe: Probe,
    /,
    *,
    low: Constant = 0.0,
    high: Constant = 0.0,
) -> float:
    """Relative difference of the normalised outputs of a network with all weights equal.

    With all weights of a kind equal it does not matter whether two branches share a layer, so
    that cells of one expression have one value: the coarsest equivalence holds.

    Of recurrent cells the outputs are those of the last layer's units after every column, and
    biases and first hidden states equal the constant too, as the authors have it.

    Args:
        probe: whose network, with a single output, and images; labels are not read.
        low: the lower constant; 1e-7 for NAS-Bench-201, 1e-5 for recurrent cells, 1e-4 for most
            other spaces.
        high: the upper constant; 1 for NAS-Bench-201, 1e-3 for recurrent cells, 10 for most
            other spaces.
    """
    own = constants_of(probe)
    constants = low or own[0], high or own[1]
    if not probe.is_collapsed and isinstance(probe.constant_network, _nasbench_nlp.Network):
        net = probe.constant_network
        return score_of_outputs(*(recurrent_output(net, probe.x_BCHW, c) for c in constants))
    return score_of_outputs(*probe.constant_outputs(*constants))


def constants_of(probe: Probe) -> tuple[float, float]:
    """The lower and the upper constant of the space that a network is from."""
    if probe.is_collapsed:
        return NASBENCH201
    return CONSTANTS.get(type(probe.constant_network), NASBENCH201)


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
