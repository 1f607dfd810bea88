"""Most memory that tensors hold at once in one forward pass."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from search.costs import costs
from search.probe import Measurement, Probe
from search.traits import declares

MB = 1e6


@costs.register
@declares(
    direction="minimize",
    unit="MB",
    depends_on=("network", "environment"),
    passes="one forward",
    batch_norm="eval",
    fails_on="nothing; scratch memory that kernels take past torch's allocator is not seen",
    source="measured",
)
def peak_memory_mb(
    probe: Probe, /, *, batch_size: Annotated[int, Field(ge=1, le=1024)] = 1
) -> Measurement:
    """Parameters, buffers and input plus the peak of what one inference pass allocates.

    On a CPU the storages of all tensors are followed operation by operation (scratch memory
    inside kernels is not seen); on CUDA it is torch's own peak counter.

    Args:
        probe: whose network and images.
        batch_size: images in the pass; the batch is repeated when it has fewer.
    """
    x_BCHW = probe.images(batch_size)
    tensors = [x_BCHW, *probe.network.parameters(), *probe.network.buffers()]
    held = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    with probe.inference(x_BCHW) as run:
        run()  # one-time allocations are no property of the network
        on_cuda = probe.device.type == "cuda"
        peak = _peak_on_cuda(probe.device, run) if on_cuda else _peak_on_cpu(run)
    details = {
        "method": "torch.cuda peak counter" if on_cuda else "tensor storages alive",
        "device": probe.device_name,
        "batch_size": batch_size,
        "held_mb": held / MB,
        "allocated_mb": peak / MB,
    }
    return Measurement((held + peak) / MB, details)


def _peak_on_cuda(device: torch.device, run: Callable[[], None]) -> int:
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    run()
    return int(torch.cuda.max_memory_allocated(device) - before)


def _peak_on_cpu(run: Callable[[], None]) -> int:
    live = _LiveStorages()
    with live:
        run()
    return live.peak


class _LiveStorages(TorchDispatchMode):
    """Bytes of the storages that operations make, as they come and go.

    Attributes:
        peak: the most there were at once.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._now = 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        for tensor in _tensors(args):
            self._known.add(tensor.untyped_storage())
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            self._follow(tensor.untyped_storage())
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known:
            return
        self._known.add(storage)
        self._now += storage.nbytes()
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._forget, storage.nbytes())

    def _forget(self, num_bytes: int) -> None:
        self._now -= num_bytes


def _tensors(tree: object) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
