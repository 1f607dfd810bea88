"""First values of the parameters of a network, drawn from a generator of ours."""

import math

import torch
from torch import Tensor, nn

Drawn = nn.Conv2d | nn.Linear | nn.Embedding
Norm = nn.modules.batchnorm._NormBase | nn.LayerNorm


def with_drawn_weights(
    net: nn.Module, *, generator: torch.Generator, device: torch.device
) -> nn.Module:
    """Give a network that was made on ``meta`` memory on *device* and its first weights.

    Weights and biases of convolutions and linear layers are uniform within one over the root of
    the fan-in, which is PyTorch's own default; entries of tables within one over the root of a
    row's length; norms start as the identity. One draw on the CPU serves the whole network, in
    the order of its modules.
    """
    if device.type == "meta":
        return net
    modules = list(net.modules())
    layers = [m for m in modules if isinstance(m, Drawn)]
    count = sum(p.numel() for layer in layers for p in layer.parameters(recurse=False))
    drawn = torch.empty(count).uniform_(-1, 1, generator=generator)
    for layer in layers:
        drawn = _take(layer, drawn, device)
    for module in modules:
        if isinstance(module, Norm):
            _make_identity(module, device)
    if any(tensor.is_meta for module in modules for tensor in _tensors(module).values()):
        raise TypeError(f"{type(net).__name__} holds tensors of layers that nobody fills")
    return net


def _take(layer: Drawn, drawn: Tensor, device: torch.device) -> Tensor:
    """Fill *layer* from the front of *drawn*; what is left."""
    bound = 1 / math.sqrt(layer.weight[0].numel())
    for name, meta in _tensors(layer).items():
        values = drawn[: meta.numel()].view(meta.shape).mul(bound).to(device)
        layer.register_parameter(name, nn.Parameter(values))
        drawn = drawn[meta.numel() :]
    return drawn


def _make_identity(norm: Norm, device: torch.device) -> None:
    for name, meta in _tensors(norm).items():
        start = _start(name, meta, device)
        setattr(norm, name, nn.Parameter(start) if name in norm._parameters else start)


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """A module's own parameters and buffers by name."""
    own = {**module._parameters, **module._buffers}
    return {name: tensor for name, tensor in own.items() if tensor is not None}


def _start(name: str, meta: Tensor, device: torch.device) -> Tensor:
    value = 1 if name in ("weight", "running_var") else 0
    return torch.full(meta.shape, value, dtype=meta.dtype, device=device)
