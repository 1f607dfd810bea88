"""Eight proxies in one pass, against the same proxies one by one as public code computes them."""

import statistics
import time
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks import reference_proxies as reference
from benchmarks._one_pass import ALL, WITHOUT_GRASP, compare, ours, row, theirs
from search.networks import networks
from search.probe import Batch, Probe
from search.spaces import Arch
from search.spaces.nasbench201 import OPERATIONS, is_connected, nasbench201

SHAPE = (3, 32, 32)
NUM_CELLS = 8


def rows() -> list[dict[str, object]]:
    """Time both on the same random cells, in turns, and compare every value."""
    batch = _batch()
    _timed(batch, nasbench201.at(0))  # what only the first run pays is not compared
    cells = [_timed(batch, arch) for arch in _cells()]
    factor = statistics.median(cell["snip"] / cell["pass"] for cell in cells)
    floor = statistics.median(cell["snip"] / cell["floor"] for cell in cells)
    costs = (
        f"the reference's snip costs {factor:.1f} forward and backward passes of our network, "
        f"{floor:.1f} times its convolutions alone"
    )
    how = f"building the network included; median of {len(cells)} cells; {costs}"
    eight = f"eight proxies of one NAS-Bench-201 cell, batch 64, {how}"
    return [
        row("one_pass_8", cells, 8, eight),
        row("one_pass_7", cells, 7, f"the same without grasp, {how}"),
    ]


def _batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    x_BCHW = torch.randn(64, *SHAPE, generator=generator)
    return Batch(x_BCHW, torch.randint(0, 10, (64,), generator=generator), num_classes=10)


def _cells() -> list[Arch]:
    rng = np.random.default_rng(0)
    drawn = (nasbench201.sample(rng) for _ in range(2 * NUM_CELLS))
    return [arch for arch in drawn if is_connected(arch)][:NUM_CELLS]


def _timed(batch: Batch, arch: Arch) -> dict[str, float]:
    """Seconds of both, with and without grasp; the values must agree."""
    build = partial(networks["nasbench201"], arch, shape=SHAPE, device=torch.device("cpu"))
    probe = Probe(build, batch, seed=0)
    our_values, our_s = ours(probe)
    net = probe.network
    del probe

    start = time.perf_counter()
    plain = reference.PlainNetwork([OPERATIONS[choice] for choice in arch])
    build_s = time.perf_counter() - start
    reference.with_weights_of(net, plain)
    their_values, their_s = theirs(plain, batch)
    compare(nasbench201.encode(arch), our_values, their_values)
    return {
        "ours 7": sum(our_s[name] for name in WITHOUT_GRASP),
        "ours 8": sum(our_s[name] for name in ALL),
        "theirs 7": build_s + sum(their_s[name] for name in WITHOUT_GRASP),
        "theirs 8": build_s + sum(their_s[name] for name in ALL),
        "snip": their_s["snip"],
        "pass": _pass_s(net, batch),
        "floor": _floor_s(net, batch),
    }


def _pass_s(net: nn.Module, batch: Batch) -> float:
    """One forward and backward of our network, as it would be trained."""
    net = net.to(memory_format=torch.channels_last)
    x_BCHW = batch.x_BCHW.contiguous(memory_format=torch.channels_last)
    start = time.perf_counter()
    F.cross_entropy(net(x_BCHW), batch.y_B).backward()
    return time.perf_counter() - start


def _floor_s(net: nn.Module, batch: Batch) -> float:
    """Forward and backward of the convolutions that run, and nothing else."""
    calls: list[tuple[nn.Conv2d, torch.Size]] = []
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda m, args, _y: calls.append((m, args[0].shape)))
    with torch.no_grad():
        net(batch.x_BCHW)
    return sum(_conv_s(layer, shape) for layer, shape in calls)


def _conv_s(layer: nn.Conv2d, shape: torch.Size) -> float:
    layout = torch.channels_last
    x_BCHW = torch.zeros(shape).contiguous(memory_format=layout).requires_grad_()
    weight = layer.weight.detach().contiguous(memory_format=layout).requires_grad_()
    start = time.perf_counter()
    y_BCHW = F.conv2d(x_BCHW, weight, None, layer.stride, layer.padding)
    torch.autograd.grad(y_BCHW, [x_BCHW, weight], torch.ones_like(y_BCHW))
    return time.perf_counter() - start
