"""Norm of the whole gradient on noise (Lin et al., 2021, arXiv:2102.01063, a baseline there)."""

import math
from typing import Annotated

import torch
from pydantic import Field

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    depends_on=("network", "seed", "environment"),
    passes="one forward, one backward of noise",
    fails_on="nothing known; ranks badly when depth varies",
    source="ZenNAS and AZ-NAS, whose grad_norm it is",
)
def grad_norm_global(
    probe: Probe, /, *, images: Annotated[int, Field(ge=2, le=1024)] = 64
) -> float:
    """L2 norm of the cross-entropy gradient of all parameters, for noise and random labels.

    Weights are drawn anew, normal with variance two over the fan-in (Kaiming). grad_norm is
    another quantity: a sum over layers, on data, with the weights as built.

    Args:
        probe: whose network; neither its images nor its labels are read.
        images: how many of noise.
    """
    purpose = "grad_norm_global"
    parameters = probe.redrawn("kaiming_fan_in", purpose)
    generator = probe.generator("labels", purpose)
    y_B = torch.randint(probe.batch.num_classes, (images,), generator=generator)
    gradients = probe.loss_gradients(
        parameters, probe.noise(images, purpose), y_B.to(probe.device)
    )
    return math.sqrt(sum(float(g.double().square().sum()) for g in gradients.values()))
