"""Condition number of the neural tangent kernel (Chen et al., 2021, arXiv:2102.11535)."""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from search.passes import gradients_of
from search.probe import Probe
from search.proxies import proxies
from search.traits import declares

EPS = torch.finfo(torch.float64).eps
ROUNDINGS = 64  # by which gradients may be off, relative to the largest


@proxies.register
@declares(
    direction="minimize",
    equivalence="pruned",
    passes="one forward and one backward for each image, for every draw of weights",
    fails_on="inf when the gradients of the images are linearly dependent, as in disconnected "
    "cells and in networks that end in batch norm and a mean: cell_27, cell_64, elastic_tiny, "
    "some of darts; values of single draws scatter",
    source="Chen et al. (2021), TE-NAS; its rounding and its stand-in for nan are left out",
)
def ntk_condition_number(
    probe: Probe,
    /,
    *,
    images: Annotated[int, Field(ge=2, le=256)] = 16,
    repeats: Annotated[int, Field(ge=1, le=16)] = 3,
) -> float:
    """Largest by smallest eigenvalue of the kernel of a batch, mean over draws of weights.

    The kernel of two images is the product of their gradients of the sum of logits with respect
    to all weights, those of norms included. Batch norm sees all images at once. Weights are drawn
    anew, normal with variance two over the fan-out (Kaiming).

    Args:
        probe: whose network and images; labels are not read.
        images: the first so many of the batch; the source takes 14 to 72, by space.
        repeats: draws of weights; the source takes 3.
    """
    numbers = [_condition_number(probe, images, repeat) for repeat in range(repeats)]
    return sum(numbers) / repeats


def _condition_number(probe: Probe, images: int, repeat: int) -> float:
    parameters = probe.redrawn("kaiming_fan_out", "ntk", repeat)
    weights = [p for name, p in parameters.items() if "weight" in name and p.requires_grad]
    logits_BK = probe.run(parameters, probe.x_BCHW[:images])
    rows = [
        torch.cat([g.flatten() for g in gradients_of(total, weights)]) + 0 * total.detach()
        for total in logits_BK.sum(dim=1)
    ]
    return condition_number(torch.stack(rows))


def condition_number(gradients_BP: Tensor) -> float:
    """Of the products of every two rows; inf when some row depends on the others."""
    kernel_BB = gradients_BP.double() @ gradients_BP.double().T
    if not kernel_BB.isfinite().all():
        return math.nan
    eigenvalues_B = torch.linalg.eigvalsh(kernel_BB)
    smallest, largest = float(eigenvalues_B[0]), float(eigenvalues_B[-1])
    rounding = ROUNDINGS * torch.finfo(gradients_BP.dtype).eps
    known_to = max(rounding**2, len(kernel_BB) * EPS)
    return largest / smallest if smallest > known_to * largest else math.inf
