"""In which memory format a network runs fastest without harm."""

import torch
from torch import Tensor, nn


def memory_format_for(network: nn.Module, device: torch.device) -> torch.memory_format:
    """Channels last on the CPU, where convolutions are faster that way, unless it may crash."""
    on_cpu = device.type == "cpu"
    if on_cpu and not any(map(_crashes_in_channels_last, network.modules())):
        return torch.channels_last
    return torch.contiguous_format


def laid_out(x_BCHW: Tensor, memory_format: torch.memory_format) -> Tensor:
    """Images in a memory format, and in no other at the same time.

    Of one channel, images can be in both at once: PyTorch takes them to be channels last then,
    and so every layer after them. Arrays of numpy come like that.
    """
    laid_BCHW = x_BCHW.contiguous(memory_format=memory_format)
    is_both = laid_BCHW.is_contiguous(memory_format=torch.channels_last)
    if memory_format is torch.contiguous_format and is_both:
        return laid_BCHW.clone(memory_format=torch.contiguous_format)
    return laid_BCHW


def _crashes_in_channels_last(layer: nn.Module) -> bool:
    """Whether oneDNN may write past the end of the weight gradient (seen with torch 2.13).

    It does for few input channels and a stride that skips pixels; below 8 channels every time.
    """
    if not isinstance(layer, nn.Conv2d) or layer.in_channels >= 16:
        return False
    return any(k < s for k, s in zip(layer.kernel_size, layer.stride, strict=True))
