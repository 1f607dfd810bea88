"""Training steps of supernets against the same steps as public code writes them.

``single_path_step``: NAS-Bench-201, 16 channels, 5 cells, batch 64 of 3 x 32 x 32, a cell a step.
``sandwich_step``: the MobileNet-like space, batch 32, largest, smallest and two random subnets.
Both sides train the same architectures on the same images, with the same optimiser settings, in
turns; that one path computes the same on both sides is a test. ``step_overhead``: the share of our
step that is not spent in forward, backward and optimiser.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import _plain_supernets as reference
from search.spaces import Arch, spaces
from search.supernets.examples import HeldExamples
from search.supernets.making import supernet_of
from search.supernets.mix import onehot
from search.supernets.paths import PathSampler
from search.supernets.recipe import Dropping
from search.supernets.recipes import recipes
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
    recipe = recipes["spos"](batch_size=SINGLE_BATCH, norms="batch", clip_norm=CLIP)
    made = training("nasbench201", recipe, SINGLE_BATCH, (3, 32, 32))
    plain = reference.PlainSinglePath()
    optimizer = torch.optim.SGD(plain.parameters(), 0.025, momentum=0.9, weight_decay=3e-4)
    archs = drawn("nasbench201", NUM_SINGLE + WARM)
    x, y = made.examples.x_NCHW.contiguous(), made.examples.y_N  # their format

    def theirs(arch: Arch) -> None:
        optimizer.zero_grad()
        F.cross_entropy(plain(x, arch), y).backward()
        nn.utils.clip_grad_norm_(plain.parameters(), CLIP)
        optimizer.step()

    times = timed(
        made, [[pass_of(arch)] for arch in archs], [lambda a=a: theirs(a) for a in archs]
    )
    what = "one step of one NAS-Bench-201 cell, batch 64, with clipping and SGD"
    return [
        row("single_path_step", times, what, made.net, archs[WARM:], SINGLE_BATCH),
        overhead("step_overhead", times, what),
    ]


def sandwich() -> list[dict[str, object]]:
    """Largest, two random ones, smallest."""
    recipe = replace(recipes["sandwich"](batch_size=SANDWICH_BATCH, lr=0.01), dropping=Dropping())
    made = training(
        "mobile", recipe, SANDWICH_BATCH, (3, RESOLUTION, RESOLUTION), resolution=RESOLUTION
    )
    plain = reference.PlainElastic(RESOLUTION)
    optimizer = torch.optim.SGD(
        plain.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=1e-5
    )
    space = spaces["mobile"]
    mids = drawn("mobile", 2 * (NUM_SANDWICH + WARM))
    steps = [
        [largest(space), a, b, smallest(space)] for a, b in zip(mids[::2], mids[1::2], strict=True)
    ]

    x, y = made.examples.x_NCHW.contiguous(), made.examples.y_N  # their format

    def theirs(archs: list[Arch]) -> None:
        optimizer.zero_grad()
        teacher = plain(x, archs[0])
        F.cross_entropy(teacher, y).backward()
        for arch in archs[1:]:
            reference.soft_targets(plain(x, arch), teacher.detach()).backward()
        optimizer.step()

    roles = ("max", "mid", "mid", "min")
    passes = [[pass_of(a, r) for a, r in zip(archs, roles, strict=True)] for archs in steps]
    times = timed(made, passes, [lambda s=s: theirs(s) for s in steps])
    what = (
        f"largest, smallest and two random subnets of the MobileNet-like space, batch "
        f"{SANDWICH_BATCH} at {RESOLUTION} x {RESOLUTION}, with in-place distillation and SGD"
    )
    archs = [arch for step in steps[WARM:] for arch in step]
    return [row("sandwich_step", times, what, made.net, archs, SANDWICH_BATCH, passes=4)]


def training(name: str, recipe, batch: int, shape: tuple[int, int, int], **params) -> Training:
    """A training on one batch of random images, whose passes are given."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, *shape, generator=generator)
    labels = torch.randint(10, (batch,), generator=generator)
    net = supernet_of(name, recipe, shape=shape, num_classes=10, seed=0, **params)
    images = images.contiguous(memory_format=net.memory_format(torch.device("cpu")))
    recipe = replace(recipe, epochs=10_000)
    made = Training(net, recipe, HeldExamples(images, labels), seed=0)
    made.paths = Given(net.space, np.random.default_rng(0))
    return made


def drawn(name: str, count: int) -> list[Arch]:
    """Random architectures."""
    rng = np.random.default_rng(1)
    return [spaces[name].sample(rng) for _ in range(count)]


def timed(
    made: Training, passes: list[list[Pass]], theirs: list[Callable[[], None]]
) -> list[dict[str, float]]:
    """Seconds of both, in turns; the first steps, which only warm up, are left out."""
    found = []
    for given, their_step in zip(passes, theirs, strict=True):
        made.paths.given = given
        inside = Inside(made)
        ours_s = seconds(made.step)
        inside.remove()
        found.append({"ours": ours_s, "theirs": seconds(their_step), "inside": inside.seconds})
    return found[WARM:]


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


def row(  # noqa: PLR0913
    name: str,
    times: list[dict[str, float]],
    what: str,
    net: Supernet,
    archs: list[Arch],
    batch: int,
    passes: int = 1,
) -> dict[str, object]:
    """Medians, the median of the ratios, and both costs relative to the convolutions alone."""
    floors = [floor_s(net, arch, batch) for arch in archs]
    floor = statistics.median(sum(floors[k : k + passes]) for k in range(0, len(floors), passes))
    ours = statistics.median(t["ours"] for t in times)
    theirs = statistics.median(t["theirs"] for t in times)
    return {
        "name": name,
        "ours": ours,
        "theirs": theirs,
        "ratio": statistics.median(t["theirs"] / t["ours"] for t in times),
        "unit": "s",
        "what": (
            f"{what}; median of {len(times)}; {batch / ours:.0f} images/s; the reference costs "
            f"{theirs / floor:.1f} times its convolutions alone, ours {ours / floor:.1f}"
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


def floor_s(net: Supernet, arch: Arch, batch: int) -> float:
    """Forward and backward of the convolutions that run, and nothing else."""
    calls: list[tuple[Tensor, Tensor, tuple]] = []
    run = net.conv

    def noted(x, slot, mix):
        y = run(x, slot, mix)
        weight = net.source.tensors(slot, mix)[0].detach()
        calls.append((x, weight, (slot.stride, weight.shape[-1] // 2, slot.is_depthwise)))
        return y

    net.conv = noted
    images = torch.zeros(batch, *net.shape)
    layout = net.memory_format(torch.device("cpu"))
    with torch.no_grad():
        net(images.contiguous(memory_format=layout), onehot(arch))
    del net.conv
    return sum(_conv_s(*call) for call in calls)


def _conv_s(x: Tensor, weight: Tensor, how: tuple[int, int, bool]) -> float:
    stride, padding, is_depthwise = how
    x, weight = x.detach().requires_grad_(), weight.contiguous().requires_grad_()
    groups = weight.shape[0] if is_depthwise else 1
    start = time.perf_counter()
    y = F.conv2d(x, weight, None, stride, padding, 1, groups)
    torch.autograd.grad(y, [x, weight], torch.ones_like(y))
    return time.perf_counter() - start
