"""How gradients of several subnets become one: DepS (arXiv:2407.06167), code.

Averages are over the subnets that have an entry of a weight at all.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from search.supernets.mix import Mix
from search.supernets.sources._tensors import padded
from search.supernets.supernet import Supernet

Aggregation = Literal["sum", "avg", "avg_sqrt"]


class Sum:
    """Leaves what backward passes have added up."""

    def add(self, mix: Mix, factor: float) -> None:
        """After the backward pass of a mix, whose loss was multiplied by this factor."""

    def finish(self) -> None:
        """After the last pass of a step."""


class Average(Sum):
    """Divides every entry by the weights of the subnets that have it, or by the root of them.

    Args:
        net: with entangled weights.
        is_rooted: by the root.
    """

    def __init__(self, net: Supernet, *, is_rooted: bool) -> None:
        self._net, self._is_rooted = net, is_rooted
        self._weights: dict[nn.Parameter, Tensor] = {}

    @torch.no_grad()
    def add(self, mix: Mix, factor: float) -> None:
        """Count the entries of this subnet."""
        arch = mix.arch
        if arch is None:
            raise ValueError("gradients are averaged over subnets, not over mixtures")
        for _, slot in self._net.plain_slots(arch):
            shape = slot.shape_of(arch)
            for parameter in self._net.source.parameters_of(slot, mix):
                size = shape[: parameter.ndim]
                has = padded(torch.ones(size, device=parameter.device), tuple(parameter.shape))
                self._weights[parameter] = self._weights.get(parameter, 0) + factor * has

    @torch.no_grad()
    def finish(self) -> None:
        """Divide the sums."""
        for parameter, weights in self._weights.items():
            if parameter.grad is not None:
                divisor = weights.sqrt() if self._is_rooted else weights
                parameter.grad.div_(torch.where(divisor > 0, divisor, 1.0))


def aggregation_of(kind: Aggregation, net: Supernet) -> Sum:
    """The aggregation of one step."""
    return Sum() if kind == "sum" else Average(net, is_rooted=kind == "avg_sqrt")
