"""Eight proxies in one pass, against the same proxies one by one as public code computes them."""

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks import reference_proxies as reference
from benchmarks._one_pass import ALL, WITHOUT_GRASP, compare, ours, row, theirs
from benchmarks._sides import sides
from search.networks import networks
from search.probe import Batch, Probe
from search.spaces import Arch
from search.spaces.nasbench201 import OPERATIONS, is_connected, nasbench201

SHAPE = (3, 32, 32)
NUM_CELLS = 8


def rows() -> list[dict[str, object]]:
    """Time both on the same random cells, in turns, and compare every value."""
    archs = [nasbench201.at(0), *_cells()]  # what only the first run pays is not compared
    with sides(_our_side, _their_side) as (ask_us, ask_them):
        cells = [_compared(arch, ask_us(arch), ask_them(arch)) for arch in archs][1:]
    factor = statistics.median(cell["snip"] / cell["pass"] for cell in cells)
    floor = statistics.median(cell["snip"] / cell["floor"] for cell in cells)
    costs = (
        f"the reference's snip costs {factor:.1f} forward and backward passes of our network, "
        f"{floor:.1f} times its convolutions alone"
    )
    how = (
        f"building the network included; each side in a process of its own, ours in that of a "
        f"job; median of {len(cells)} cells; {costs}"
    )
    eight = f"eight proxies of one NAS-Bench-201 cell, batch 64, {how}"
    return [
        row("one_pass_8", cells, ALL, eight),
        row("one_pass_7", cells, WITHOUT_GRASP, f"the same without grasp, {how}"),
    ]


def _batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    x_BCHW = torch.randn(64, *SHAPE, generator=generator)
    return Batch(x_BCHW, torch.randint(0, 10, (64,), generator=generator), num_classes=10)


def _cells() -> list[Arch]:
    rng = np.random.default_rng(0)
    drawn = (nasbench201.sample(rng) for _ in range(2 * NUM_CELLS))
    return [arch for arch in drawn if is_connected(arch)][:NUM_CELLS]


def _probe(arch: Arch, batch: Batch) -> Probe:
    """Equal on both sides, for its weights are drawn from a seed."""
    build = partial(networks["nasbench201"], arch, shape=SHAPE, device=torch.device("cpu"))
    return Probe(build, batch, seed=0)


def _our_side() -> Callable[[Arch], dict[str, object]]:
    batch = _batch()

    def answer(arch: Arch) -> dict[str, object]:
        probe = _probe(arch, batch)
        values, seconds = ours(probe)
        net = probe.network
        del probe
        passes = {"pass": _pass_s(net, batch), "floor": _floor_s(net, batch)}
        return {"values": values, "seconds": seconds, **passes}

    return answer


def _their_side() -> Callable[[Arch], dict[str, object]]:
    batch = _batch()

    def answer(arch: Arch) -> dict[str, object]:
        net = _probe(arch, batch).network
        start = time.perf_counter()
        plain = reference.PlainNetwork([OPERATIONS[choice] for choice in arch])
        build_s = time.perf_counter() - start
        reference.with_weights_of(net, plain)
        values, seconds = theirs(plain, batch)
        return {"values": values, "seconds": seconds, "build": build_s}

    return answer


def _compared(arch: Arch, ours: dict, theirs: dict) -> dict[str, float]:
    """Seconds of both, with and without grasp; the values must agree."""
    compare(nasbench201.encode(arch), ours["values"], theirs["values"])
    return {
        "ours 7": sum(ours["seconds"][name] for name in WITHOUT_GRASP),
        "ours 8": sum(ours["seconds"][name] for name in ALL),
        "theirs 7": theirs["build"] + sum(theirs["seconds"][name] for name in WITHOUT_GRASP),
        "theirs 8": theirs["build"] + sum(theirs["seconds"][name] for name in ALL),
        "snip": theirs["seconds"]["snip"],
        "pass": ours["pass"],
        "floor": ours["floor"],
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
