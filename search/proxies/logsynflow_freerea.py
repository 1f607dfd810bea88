"""Synaptic flow with logarithms of gradients (Cavagnero et al., 2022, arXiv:2207.05135)."""

import torch

from search.passes import gradients_of
from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    depends_on=("network", "seed", "environment"),
    passes="one forward, one backward of one image of ones",
    dtype="float64",
    fails_on="nan where batch norm makes a gradient fall below -1; rounding, some 1e-14, in "
    "networks that end in batch norm and a mean, as cell_27, cell_64 and elastic_tiny; not "
    "defined where maps shrink to one pixel, as batch norm cannot normalise that of one image",
    source="FreeREA, read in a third party's port only",
    evidence="reconstruction",
)
def logsynflow_freerea(probe: Probe, /) -> float:
    """Sum over weights of |weight times log(gradient + 1)|, absolute weights and norms kept.

    The gradient is of the sum of all outputs for one image of ones. Biases and norms are made
    absolute as well. Not to be confused with synflow_log.
    """
    absolute = {
        name: parameter.detach().double().abs().requires_grad_()
        for name, parameter in probe.parameters.items()
    }
    ones_1CHW = torch.ones_like(probe.x_BCHW[:1], dtype=torch.float64)
    logits_1K = probe.run(absolute, ones_1CHW)
    weights = [absolute[f"{name}.weight"] for name in probe.weights]
    gradients = gradients_of(logits_1K.sum(), weights)
    return sum(
        float((weight.detach() * (gradient + 1).log()).abs().sum())
        for weight, gradient in zip(weights, gradients, strict=True)
    )
