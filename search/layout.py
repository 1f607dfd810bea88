"""In which memory format a network runs fastest without harm."""

import torch
from torch import nn


def memory_format_for(network: nn.Module, device: torch.device) -> torch.memory_format:
    """Channels last on the CPU, where convolutions are faster that way, unless it may crash."""
    on_cpu = device.type == "cpu"
    if on_cpu and not any(map(_crashes_in_channels_last, network.modules())):
        return torch.channels_last
    return torch.contiguous_format


def _crashes_in_channels_last(layer: nn.Module) -> bool:
    """Whether oneDNN may write past the end of the weight gradient (seen with torch 2.13).

    It does for few input channels and a stride that skips pixels; below 8 channels every time.
    """
    if not isinstance(layer, nn.Conv2d) or layer.in_channels >= 16:
        return False
    return any(k < s for k, s in zip(layer.kernel_size, layer.stride, strict=True))
