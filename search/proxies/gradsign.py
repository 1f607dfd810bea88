"""Agreement of the signs of single images' gradients (Zhang and Jia, 2022, arXiv:2110.08616)."""

import torch
from torch import Tensor

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    needs_labels=True,
    passes="one forward, one backward for every image by itself",
    fails_on="slow; nan where a gradient is not finite; not defined where maps shrink to one "
    "pixel, as batch norm cannot normalise that of one image",
    source="AZ-NAS and MeCo, read in their copies",
)
def gradsign(probe: Probe, /) -> float:
    """Mean over all parameters of |sum over images of the sign of the gradient|.

    Parameters without a gradient count as 0.
    """
    total: list[Tensor] | None = None
    for i in range(len(probe.x_BCHW)):
        x_1CHW, y_1 = probe.x_BCHW[i : i + 1], probe.y_B[i : i + 1]
        gradients = probe.loss_gradients(probe.parameters, x_1CHW, y_1).values()
        signs = [g.sign() + 0 * g for g in gradients]  # what is not finite has no sign: nan
        total = [a + b for a, b in zip(total, signs, strict=True)] if total else signs
    assert total is not None
    return score_of_sums(total)


def score_of_sums(sums: list[Tensor]) -> float:
    """Mean absolute value over the entries of all tensors together."""
    flat = torch.cat([tensor.flatten() for tensor in sums])
    return float(flat.double().abs().mean())
