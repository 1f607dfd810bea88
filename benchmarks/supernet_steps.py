"""Training steps of supernets against the same steps as public code writes them.

``single_path_step``: NAS-Bench-201, 16 channels, 5 cells, batch 64 of 3 x 32 x 32, a cell a step.
``sandwich_step``: the MobileNet-like space, batch 32, largest, smallest and two random subnets.
Both sides train the same architectures on the same images, with the same optimiser settings, in
turns; that one path computes the same on both sides is a test. The convolutions alone are a floor:
each is timed in both formats, depthwise ones of small maps with our gradient, and the faster
format counts.
``step_overhead``: the share of our step that is not spent in forward, backward and optimiser.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import _plain_supernets as reference
from benchmarks._sides import Make, sides
from search.spaces import Arch, spaces
from search.supernets.depthwise import depthwise
from search.supernets.examples import HeldExamples
from search.supernets.making import supernet_of
from search.supernets.mix import Mix
from search.supernets.paths import PathSampler
from search.supernets.recipe import Dropping
from search.supernets.recipes import recipes
from search.supernets.slots import Slot
from search.supernets.steps import Pass, pass_of
from search.supernets.supernet import Supernet, largest, smallest
from search.supernets.training import Training

SINGLE_BATCH, SANDWICH_BATCH, RESOLUTION = 64, 32, 64
NUM_SINGLE, NUM_SANDWICH, WARM = 12, 5, 2
CLIP = 5.0


class Given(PathSampler):
    """Passes that are given before each step."""

    given: list[Pass]

    def passes(self, moment):
        """As given."""
        return self.given


def rows() -> list[dict[str, object]]:
    """Time both kinds of step."""
    return [*single_path(), *sandwich()]


def single_path() -> list[dict[str, object]]:
    """One cell a step."""
    archs = drawn("nasbench201", NUM_SINGLE + WARM)
    times = timed(our_single_path, their_single_path, archs)
    what = "one step of one NAS-Bench-201 cell, batch 64, with clipping and SGD"
    return [
        row("single_path_step", times, what, SINGLE_BATCH),
        overhead("step_overhead", times, what),
    ]


def our_single_path() -> Callable[[Arch], dict[str, float]]:
    """Takes a step with a cell."""
    recipe = recipes["spos"](batch_size=SINGLE_BATCH, norms="batch", clip_norm=CLIP)
    made = training("nasbench201", recipe, batch(SINGLE_BATCH, 32))
    return lambda arch: our_step(made, [pass_of(arch)])


def their_single_path() -> Callable[[Arch], dict[str, float]]:
    """Takes the same step."""
    plain = reference.PlainSinglePath()
    optimizer = torch.optim.SGD(plain.parameters(), 0.025, momentum=0.9, weight_decay=3e-4)
    x, y = batch(SINGLE_BATCH, 32)

    def step(arch: Arch) -> None:
        optimizer.zero_grad()
        F.cross_entropy(plain(x, arch), y).backward()
        nn.utils.clip_grad_norm_(plain.parameters(), CLIP)
        optimizer.step()

    return lambda arch: {"theirs": seconds(lambda: step(arch))}


def sandwich() -> list[dict[str, object]]:
    """Largest, two random ones, smallest."""
    space = spaces["mobile"]
    mids = drawn("mobile", 2 * (NUM_SANDWICH + WARM))
    steps = [
        [largest(space), a, b, smallest(space)] for a, b in zip(mids[::2], mids[1::2], strict=True)
    ]
    times = timed(our_sandwich, their_sandwich, steps)
    what = (
        f"largest, smallest and two random subnets of the MobileNet-like space, batch "
        f"{SANDWICH_BATCH} at {RESOLUTION} x {RESOLUTION}, with in-place distillation and SGD"
    )
    return [row("sandwich_step", times, what, SANDWICH_BATCH)]


def our_sandwich() -> Callable[[list[Arch]], dict[str, float]]:
    """Takes a step with four subnets."""
    recipe = replace(recipes["sandwich"](batch_size=SANDWICH_BATCH, lr=0.01), dropping=Dropping())
    images = batch(SANDWICH_BATCH, RESOLUTION)
    made = training("mobile", recipe, images, resolution=RESOLUTION)
    roles = ("max", "mid", "mid", "min")
    return lambda archs: our_step(
        made, [pass_of(arch, role) for arch, role in zip(archs, roles, strict=True)]
    )


def their_sandwich() -> Callable[[list[Arch]], dict[str, float]]:
    """Takes the same step."""
    plain = reference.PlainElastic(RESOLUTION)
    optimizer = torch.optim.SGD(
        plain.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=1e-5
    )
    x, y = batch(SANDWICH_BATCH, RESOLUTION)

    def step(archs: list[Arch]) -> None:
        optimizer.zero_grad()
        teacher = plain(x, archs[0])
        F.cross_entropy(teacher, y).backward()
        for arch in archs[1:]:
            reference.soft_targets(plain(x, arch), teacher.detach()).backward()
        optimizer.step()

    return lambda archs: {"theirs": seconds(lambda: step(archs))}


def batch(count: int, size: int) -> tuple[Tensor, Tensor]:
    """Random images and labels, in PyTorch's own format."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, 3, size, size, generator=generator)
    return images, torch.randint(10, (count,), generator=generator)


def training(name: str, recipe, images: tuple[Tensor, Tensor], **params) -> Training:
    """A training on one batch, whose passes are given."""
    x, y = images
    net = supernet_of(name, recipe, shape=tuple(x.shape[1:]), num_classes=10, seed=0, **params)
    x = x.contiguous(memory_format=net.memory_format(torch.device("cpu")))
    made = Training(net, replace(recipe, epochs=10_000), HeldExamples(x, y), seed=0)
    made.paths = Given(net.space, np.random.default_rng(0))
    return made


def drawn(name: str, count: int) -> list[Arch]:
    """Random architectures."""
    rng = np.random.default_rng(1)
    return [spaces[name].sample(rng) for _ in range(count)]


def timed(ours: Make, theirs: Make, questions: list) -> list[dict[str, float]]:
    """Seconds of both, in turns; the first steps, which only warm up, are left out."""
    with sides(ours, theirs) as (ask_us, ask_them):
        return [ask_us(question) | ask_them(question) for question in questions][WARM:]


def our_step(made: Training, passes: list[Pass]) -> dict[str, float]:
    """Seconds of the step, of what is inside it, and of its convolutions alone."""
    made.paths.given = passes
    inside = Inside(made)
    ours_s = seconds(made.step)
    inside.remove()
    floor = sum(floor_s(made.net, done.mix, len(made.examples)) for done in passes)
    return {"ours": ours_s, "inside": inside.seconds, "floor": floor}


def seconds(run: Callable[[], object]) -> float:
    """On the clock."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


class Inside:
    """Adds up what a step spends in forward, backward and optimiser."""

    def __init__(self, made: Training) -> None:
        self.seconds = 0.0
        self._made, self._forward = made, made.net.forward
        self._backward, self._step = Tensor.backward, made.optimizer.step
        made.net.forward = self._counted(self._forward)
        made.optimizer.step = self._counted(self._step)
        Tensor.backward = self._counted(self._backward)

    def remove(self) -> None:
        """Leave everything as it was."""
        del self._made.net.forward
        self._made.optimizer.step = self._step
        Tensor.backward = self._backward

    def _counted(self, run):
        def counted(*args, **keywords):
            start = time.perf_counter()
            result = run(*args, **keywords)
            self.seconds += time.perf_counter() - start
            return result

        return counted


def row(name: str, times: list[dict[str, float]], what: str, batch: int) -> dict[str, object]:
    """Medians, the median of the ratios, and both costs relative to the convolutions alone."""
    ours = statistics.median(t["ours"] for t in times)
    our_factor, their_factor = (
        statistics.median(t[side] / t["floor"] for t in times) for side in ("ours", "theirs")
    )
    return {
        "name": name,
        "ours": ours,
        "theirs": statistics.median(t["theirs"] for t in times),
        "ratio": statistics.median(t["theirs"] / t["ours"] for t in times),
        "unit": "s",
        "what": (
            f"{what}; each side in a process of its own, ours in that of a job; median of "
            f"{len(times)}; {batch / ours:.0f} images/s; the reference costs {their_factor:.1f} "
            f"times its convolutions alone in their faster format, ours "
            f"{our_factor:.1f}"
        ),
    }


def overhead(name: str, times: list[dict[str, float]], what: str) -> dict[str, object]:
    """The share outside forward, backward and optimiser."""
    shares = [(t["ours"] - t["inside"]) / t["ours"] for t in times]
    return {
        "name": name,
        "ours": statistics.median(shares),
        "unit": "share",
        "what": f"{what}: outside forward, backward and optimiser; median of {len(times)}",
    }


def floor_s(net: Supernet, mix: Mix, batch: int) -> float:
    """Forward and backward of the convolutions that run, in their faster format alone."""
    calls: list[tuple[Tensor, Tensor, Slot]] = []
    run = net.conv

    def noted(x, slot, mix):
        calls.append((x, net.source.tensors(slot, mix)[0].detach(), slot))
        return run(x, slot, mix)

    net.conv = noted
    layout = net.memory_format(torch.device("cpu"))
    with torch.no_grad():
        net(torch.zeros(batch, *net.shape).contiguous(memory_format=layout), mix)
    del net.conv
    return sum(
        min(
            _conv_s(x.contiguous(memory_format=fmt), weight, slot, to_input=number > 0)
            for fmt in {layout, torch.contiguous_format}
        )
        for number, (x, weight, slot) in enumerate(calls)  # the first one reads the images
    )


def _conv_s(x: Tensor, weight: Tensor, slot: Slot, *, to_input: bool) -> float:
    form = depthwise if slot.is_depthwise else partial(F.conv2d, bias=None)
    x, weight = x.detach().requires_grad_(to_input), weight.contiguous().requires_grad_()
    padding = slot.dilation * (weight.shape[-1] // 2)

    def run() -> None:
        y = form(x, weight, stride=slot.stride, padding=padding, dilation=slot.dilation)
        torch.autograd.grad(y, [x, weight] if to_input else [weight], torch.ones_like(y))

    return min(seconds(run), seconds(run))  # the first one may have to find memory
