"""Least eigenvalue of the correlation of channels (Jiang et al., 2023, MeCo)."""

import math
from contextlib import ExitStack
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from search.errors import NotApplicableError
from search.passes import watched
from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    passes="one forward of one image",
    fails_on="depends on how a network is cut into modules, so that values of different spaces do "
    "not compare; constant maps count 0; nan where a map is not finite; not defined where maps "
    "shrink to one pixel",
    source="Jiang et al. (2023), HamsterMimi/MeCo; meco_opt is sampled_channels = 8",
)
def meco(
    probe: Probe,
    /,
    *,
    images: Annotated[int, Field(ge=1, le=256)] = 1,
    sampled_channels: Annotated[
        int, Field(ge=0, le=256, description="0: all channels; meco_opt takes 8.")
    ] = 0,
) -> float:
    """Sum over modules of the least eigenvalue of the correlation of an image's channels.

    Every module that gives maps counts, those that hold others too; dead edges are run, and a
    ReLU counts once for every convolution that reads it.

    Args:
        probe: whose network and images; labels are not read.
        images: the first so many of the batch are run together; the first one is looked at.
        sampled_channels: look at so many channels drawn at random, and scale up.
    """
    scores: list[float] = []
    generator = probe.generator("channels", "meco")

    def note(copies: int, y: object) -> None:
        if isinstance(y, Tensor) and y.ndim == 4:
            scores.append(copies * _of_maps(y[0].flatten(1), sampled_channels, generator))

    with torch.no_grad(), ExitStack() as hooks:
        for module in probe.network.modules():
            hooks.enter_context(watched(module, partial(note, getattr(module, "copies", 1))))
        probe.run(probe.parameters, probe.x_BCHW[:images], dead_edges=True)
    if not scores:
        raise NotApplicableError("no module of the network gives maps")
    return sum(scores)


def _of_maps(maps_CA: Tensor, sampled: int, generator: torch.Generator) -> float:
    num_channels = len(maps_CA)
    if not maps_CA.isfinite().all():
        return math.nan
    if not 0 < sampled < num_channels:
        return least_eigenvalue(maps_CA)
    chosen = torch.randperm(num_channels, generator=generator)[:sampled]
    return least_eigenvalue(maps_CA[chosen.to(maps_CA.device)]) * num_channels / sampled


def least_eigenvalue(maps_CA: Tensor) -> float:
    """Of the correlation of channels; what a constant map leaves undefined counts as 0."""
    if maps_CA.shape[1] == 1:
        return 0.0
    correlation_CC = torch.atleast_2d(torch.corrcoef(maps_CA.double()))
    return float(torch.linalg.eigvalsh(correlation_CC.nan_to_num(0, 0, 0))[0])
