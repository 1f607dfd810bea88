"""Eight proxies in one pass, against the same proxies one by one as public code computes them."""

import statistics
import time
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks import reference_proxies as reference
from search.networks import networks
from search.probe import Batch, Probe
from search.proxies import proxies
from search.spaces import Arch
from search.spaces.nasbench201 import OPERATIONS, is_connected, nasbench201

SHAPE = (3, 32, 32)
NUM_CELLS = 8
WITHOUT_GRASP = ("grad_norm", "snip", "fisher", "plain", "jacob_cov", "synflow", "nwot")
ALL = (*WITHOUT_GRASP, "grasp")
TOLERANCES = {"plain": 1e-3, "grasp": 1e-2}  # of snip and of the squared gradient: both cancel
TOLERANCE = 2e-3


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
    return [
        _row("one_pass_8", cells, "eight proxies of one NAS-Bench-201 cell, batch 64", costs),
        _row("one_pass_7", cells, "the same without grasp", costs),
    ]


def _row(name: str, cells: list[dict[str, float]], what: str, costs: str) -> dict[str, object]:
    count = name.rpartition("_")[2]
    ratios = [cell[f"theirs {count}"] / cell[f"ours {count}"] for cell in cells]
    return {
        "name": name,
        "ours": statistics.median(cell[f"ours {count}"] for cell in cells),
        "theirs": statistics.median(cell[f"theirs {count}"] for cell in cells),
        "ratio": statistics.median(ratios),
        "unit": "s",
        "what": f"{what}, building the network included; median of {len(cells)} cells; {costs}",
    }


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
    start = time.perf_counter()
    probe = Probe(build, batch, seed=0)
    ours = {name: proxies[name](probe) for name in WITHOUT_GRASP}
    seven_s = time.perf_counter() - start
    ours["grasp"] = proxies["grasp"](probe)
    eight_s = time.perf_counter() - start

    start = time.perf_counter()
    plain = reference.PlainNetwork([OPERATIONS[choice] for choice in arch])
    build_s = time.perf_counter() - start
    net = probe.network
    del probe
    reference.with_weights_of(net, plain)
    theirs, seconds = {}, {}
    for name in ALL:
        start = time.perf_counter()
        theirs[name] = reference.score(name, plain, batch.x_BCHW, batch.y_B)
        seconds[name] = time.perf_counter() - start
    _compare(nasbench201.encode(arch), ours, theirs)
    return {
        "ours 7": seven_s,
        "ours 8": eight_s,
        "theirs 7": build_s + sum(seconds[name] for name in WITHOUT_GRASP),
        "theirs 8": build_s + sum(seconds.values()),
        "snip": seconds["snip"],
        "pass": _pass_s(net, batch),
        "floor": _floor_s(net, batch),
    }


def _compare(arch: str, ours: dict[str, float], theirs: dict[str, float]) -> None:
    """Equal but for the order of sums.

    Raises:
        AssertionError: a proxy is not what the reference makes of it.
    """
    scales = {**{name: abs(value) for name, value in theirs.items()}, "plain": theirs["snip"]}
    scales["grasp"] = max(abs(theirs["grasp"]), theirs["grad_norm"])
    for name in ALL:
        difference = abs(ours[name] - theirs[name])
        if not difference <= TOLERANCES.get(name, TOLERANCE) * scales[name]:
            raise AssertionError(f"{name} of {arch}: {ours[name]} is not {theirs[name]}")


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
