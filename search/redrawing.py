"""Other first weights for a network: normal ones, as several proxies want them."""

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from search.passes import NORMS, layers_of

Draw = Literal["gaussian", "kaiming_fan_in", "kaiming_fan_out"]


def redrawn(net: nn.Module, draw: Draw, generator: torch.Generator) -> dict[str, Tensor]:
    """Parameters by name, drawn on the CPU, so that every device gets equal ones.

    Weights of convolutions and linear layers are normal: with standard deviation 1, or the root
    of two over the fan. Their biases are zero, norms start as the identity, and what belongs to
    neither stays as it is.
    """
    layers = layers_of(net)
    count = sum(layer.weight.numel() for layer in layers.values())
    drawn = torch.randn(count, generator=generator)
    values: dict[str, Tensor] = {}
    for name, layer in layers.items():
        part, drawn = drawn[: layer.weight.numel()], drawn[layer.weight.numel() :]
        values[f"{name}.weight"] = part.view(layer.weight.shape) * _deviation(layer, draw)
    values |= dict(_constants(net))
    return {
        name: values[name].to(p) if name in values else p.detach()
        for name, p in net.named_parameters()
    }


def _deviation(layer: nn.Conv2d | nn.Linear, draw: Draw) -> float:
    if draw == "gaussian":
        return 1.0
    area = math.prod(layer.weight.shape[2:])
    rows = layer.weight.shape[0 if draw == "kaiming_fan_out" else 1]
    return math.sqrt(2 / (rows * area))


def _constants(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, module in net.named_modules():
        if isinstance(module, (*NORMS, nn.Conv2d, nn.Linear)):
            for own, parameter in module.named_parameters(recurse=False):
                path = f"{name}.{own}" if name else own
                if own == "bias":
                    yield path, torch.zeros(parameter.shape)
                elif isinstance(module, NORMS):
                    yield path, torch.ones(parameter.shape)
