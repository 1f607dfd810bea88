"""Agreement of the signs of single images' gradients (Zhang and Jia, 2022, arXiv:2110.08616)."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from search.passes import gradients_of
from search.probe import Probe
from search.proxies import proxies
from search.traits import declares

ROUNDING = 1e-5  # single images' logits that differ by less, relative to them, do not differ


@proxies.register
@declares(
    equivalence="pruned",
    needs_labels=True,
    passes="one forward, one backward for every image by itself",
    fails_on="slow; nan where a gradient is not finite, and where single images differ by "
    "rounding alone, as in networks that end in batch norm and a mean: cell_27, cell_64, "
    "elastic_tiny, some of darts; not defined where maps shrink to one pixel, as batch norm "
    "cannot normalise that of one image",
    source="AZ-NAS and MeCo, read in their copies",
)
def gradsign(probe: Probe, /) -> float:
    """Mean over all parameters of |sum over images of the sign of the gradient|.

    Parameters without a gradient count as 0.
    """
    leaves = [p for p in probe.parameters.values() if p.requires_grad]
    sums = [torch.zeros_like(leaf) for leaf in leaves]
    logits = []
    for i in range(len(probe.x_BCHW)):
        logits_1K = probe.run(probe.parameters, probe.x_BCHW[i : i + 1])
        logits.append(logits_1K.detach())
        loss = F.cross_entropy(logits_1K, probe.y_B[i : i + 1])
        for total, g in zip(sums, gradients_of(loss, leaves), strict=True):
            total += g.sign() + 0 * g  # what is not finite has no sign: nan
    return math.nan if _differ_by_rounding(torch.cat(logits)) else score_of_sums(sums)


def _differ_by_rounding(logits_BK: Tensor) -> bool:
    spread = float((logits_BK - logits_BK.mean(dim=0)).norm())
    return 0 < spread < ROUNDING * float(logits_BK.norm())


def score_of_sums(sums: list[Tensor]) -> float:
    """Mean absolute value over the entries of all tensors together."""
    flat = torch.cat([tensor.flatten() for tensor in sums])
    return float(flat.double().abs().mean())
