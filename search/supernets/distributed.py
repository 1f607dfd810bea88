"""One supernet trained by several processes, each with a share of every batch.

Torch's DistributedDataParallel averages gradients; all else is made equal on all processes: they
draw the same batches, paths and noise from equal generators, each computes its rows of the batch,
and statistics of norms, losses and logits are those of all rows. So several processes with a share
of a batch each train as one process does with the whole, but for the order of sums.

Shapes: B images, C channels, K classes.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from search.supernets.norms import EPS, BatchNorms, TrackedNorms
from search.supernets.processes import Alone, Rows


class Together(Alone):
    """The processes of the group that torch has been told of."""

    def __init__(self) -> None:
        self.rank, self.count = dist.get_rank(), dist.get_world_size()

    def model(self, net: nn.Module) -> nn.Module:
        """The network, wrapped; a pass may leave any parameter unused."""
        parameter = next(net.parameters())
        device_ids = [parameter.device] if parameter.device.type == "cuda" else None
        return DistributedDataParallel(
            net, device_ids, forward_sync_buffers=False, find_unused_parameters=True
        )

    def apart(self, model: nn.Module) -> AbstractContextManager[None]:
        """Passes of a step but the last: their gradients are averaged with those of the last."""
        assert isinstance(model, DistributedDataParallel)
        return model.no_sync()

    def mean(self, values_B: Tensor, rows: Rows) -> Tensor:
        """A part of the mean over the whole batch; shares may differ by a row."""
        return values_B.sum() * (self.count / rows.total)

    def whole(self, x: Tensor, rows: Rows) -> Tensor:
        """The rows of all processes, in their order."""
        most = -(-rows.total // self.count)
        padded = x.new_zeros(most, *x.shape[1:])
        padded[: len(x)] = x
        parts = [torch.empty_like(padded) for _ in range(self.count)]
        dist.all_gather(parts, padded)
        return torch.stack(parts, 1).flatten(0, 1)[: rows.total]

    def average(self, gradients: Sequence[Tensor]) -> None:
        """Make gradients that no network holds those of all."""
        for gradient in gradients:
            dist.all_reduce(gradient)
            gradient.div_(self.count)

    def norms(self, norms: BatchNorms | TrackedNorms) -> BatchNorms | TrackedNorms:
        """Norms by the statistics of the whole batch, as SyncBatchNorm has them, on any device."""
        if isinstance(norms, TrackedNorms):
            return SyncedTrackedNorms(norms.momentum)
        return SyncedNorms()


class SyncedNorms(BatchNorms):
    """Statistics of the rows of all processes; nothing is kept."""

    def __call__(
        self, x_BCHW: Tensor, weight_C: Tensor | None, bias_C: Tensor | None, place: str
    ) -> Tensor:
        """Normalise by the whole batch."""
        mean_C, variance_C, _ = moments_of_all(x_BCHW)
        return _normalised(x_BCHW, mean_C, variance_C, weight_C, bias_C)


class SyncedTrackedNorms(TrackedNorms):
    """The same, while running averages are kept for evaluation."""

    def __call__(
        self, x_BCHW: Tensor, weight_C: Tensor | None, bias_C: Tensor | None, place: str
    ) -> Tensor:
        """Normalise by the whole batch, and move the averages of the channels that are there."""
        mean_C, variance_C, count = moments_of_all(x_BCHW)
        channels = x_BCHW.shape[1]
        with torch.no_grad():
            kept = self._of(place, channels, x_BCHW.device)
            unbiased_C = variance_C * (count / (count - 1))
            kept[0][:channels].lerp_(mean_C, self.momentum)
            kept[1][:channels].lerp_(unbiased_C, self.momentum)
        return _normalised(x_BCHW, mean_C, variance_C, weight_C, bias_C)


class _Sum(torch.autograd.Function):
    """The sum over all processes, and of its gradients."""

    @staticmethod
    def forward(_context: Any, x: Tensor) -> Tensor:  # noqa: ANN401
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def summed(x: Tensor) -> Tensor:
    """The sum over all processes, of which each has the same share in what comes of it."""
    total: Tensor = _Sum.apply(x)  # type: ignore[no-untyped-call]
    return total


def moments_of_all(x_BCHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and biased variance of each channel over all processes, and how many values."""
    x_BCHW = x_BCHW.float()
    dims = [0, *range(2, x_BCHW.ndim)]
    own = x_BCHW.new_tensor([x_BCHW.numel() / x_BCHW.shape[1]])
    total = summed(torch.cat([x_BCHW.sum(dims), own]))
    count = total[-1].detach()
    mean_C = total[:-1] / count
    squares_C = (x_BCHW - _along(mean_C, x_BCHW)).square().sum(dims)
    variance_C = summed(squares_C) / count
    return mean_C, variance_C, count


@contextmanager
def together(backend: str | None = None) -> Iterator[Together]:
    """The processes that torchrun has started, for as long as this lasts.

    Args:
        backend: ``nccl`` where there is an accelerator and ``gloo`` where there is none, when
            left out.
    """
    on_cuda = torch.cuda.is_available()
    if on_cuda and backend != "gloo":
        torch.cuda.set_device(local_rank())
    dist.init_process_group(backend or ("nccl" if on_cuda else "gloo"))
    try:
        yield Together()
    finally:
        dist.destroy_process_group()


def local_rank() -> int:
    """The number of this process on its machine, from torchrun."""
    return dist.get_node_local_rank(0)


def _normalised(
    x_BCHW: Tensor,
    mean_C: Tensor,
    variance_C: Tensor,
    weight_C: Tensor | None,
    bias_C: Tensor | None,
) -> Tensor:
    scale_C = (variance_C + EPS).rsqrt()
    scale_C = scale_C if weight_C is None else scale_C * weight_C
    y_BCHW = (x_BCHW.float() - _along(mean_C, x_BCHW)) * _along(scale_C, x_BCHW)
    y_BCHW = y_BCHW if bias_C is None else y_BCHW + _along(bias_C, x_BCHW)
    return y_BCHW.to(x_BCHW.dtype)


def _along(values_C: Tensor, x_BCHW: Tensor) -> Tensor:
    return values_C.view(1, -1, *[1] * (x_BCHW.ndim - 2))
