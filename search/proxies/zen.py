"""Zen-score: how much features change with the image (Lin et al., 2021, arXiv:2102.01063)."""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from search.errors import NotApplicableError
from search.features import last_features
from search.passes import NORMS, watched
from search.probe import Probe
from search.proxies import proxies
from search.traits import declares

STEP = 1e-2
OTHER_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d)


@proxies.register
@declares(
    equivalence="pruned",
    depends_on=("network", "seed", "environment"),
    passes="two forward of noise, for every draw of weights",
    fails_on="-inf when the features do not depend on the image; not defined where batch norm "
    "keeps no running statistics or there is none, or the network does not name its last features",
    source="Lin et al. (2021), ZenNAS",
)
def zen(
    probe: Probe,
    /,
    *,
    repeats: Annotated[int, Field(ge=1, le=128)] = 32,
    images: Annotated[int, Field(ge=2, le=256)] = 16,
) -> float:
    """Mean over draws of weights of log(change of the features) plus logs of batch-norm scales.

    Weights are standard normal. Running variances carry on from draw to draw, as in ZenNAS, so
    that the value depends on the number of draws. Dead edges are run: their norms count.

    Args:
        probe: whose network; neither its images nor its labels are read.
        repeats: draws of weights and noise; the source takes 32, NASLib 1.
        images: of noise in one pass.
    """
    buffers = probe.buffers()
    variances = _running_variances(probe.network)
    scores = []
    for repeat in range(repeats):
        change = _change(probe, repeat, images, buffers)
        scales = sum(0.5 * _log(float(buffers[name].mean())) for name in variances)
        scores.append(_log(change) + scales)
    return sum(scores) / repeats


def _change(probe: Probe, repeat: int, images: int, buffers: dict[str, torch.Tensor]) -> float:
    """Mean over images of the sum of absolute differences of the features."""
    parameters = probe.redrawn("gaussian", "zen", repeat)
    x_BCHW = probe.noise(images, "zen", repeat)
    shifted_BCHW = x_BCHW + STEP * probe.noise(images, "zen", repeat, "shift")
    seen: list[torch.Tensor] = []
    with torch.no_grad(), watched(last_features(probe.network), seen.append):
        for x in (x_BCHW, shifted_BCHW):
            probe.run(parameters, x, buffers=buffers, dead_edges=True)
    return float((seen[0] - seen[1]).abs().double().sum() / images)


def _running_variances(net: nn.Module) -> list[str]:
    """Names of the buffers.

    Raises:
        NotApplicableError: a norm keeps none, or all norms are of another kind.
    """
    norms = [(name, module) for name, module in net.named_modules() if isinstance(module, NORMS)]
    if not norms and any(isinstance(module, OTHER_NORMS) for module in net.modules()):
        raise NotApplicableError("the network has no batch norm, whose scales are added")
    if any(module.running_var is None for _, module in norms):
        raise NotApplicableError("a batch norm of the network keeps no running statistics")
    return [f"{name}.running_var" for name, _ in norms]


def _log(value: float) -> float:
    if value == 0:
        return -math.inf
    return math.log(value) if value > 0 else math.nan
