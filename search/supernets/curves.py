"""What is told of a supernet's training step by step, as a few hundred points a series."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from search.events import Metric
from search.supernets.steps import Report
from search.supernets.training import Training

MAX_POINTS = 400


class Curves:
    """Means between two points; the device is waited for at points alone.

    Series are ``loss <role>``, ``weight <role>`` and ``rate <role>`` (the weight times the
    learning rate; both where a role's loss does not count fully), ``learning rate``, ``gradient
    norm`` (before clipping) or ``greatest gradient`` (before entries are cut off), ``images per
    second`` (on the clock, looks left out, so that it differs from run to run) and what the loss
    tells of its passes: all of a step that tell it count alike.
    Points are counted in steps that are done.

    Args:
        training: that is watched.
    """

    def __init__(self, training: Training) -> None:
        self._training = training
        self._every = -(-training.num_steps // MAX_POINTS)
        self._sums: dict[str, Tensor] = {}
        self._counts: Counter[str] = Counter()
        self._weighed: set[str] = set()  # roles
        self._num_images = 0
        self._since = time.perf_counter()

    def note(self, report: Report) -> None:
        """Take in a step."""
        for one in report.passes:
            self._add(f"loss {one.done.role}", one.loss)
            weight = self._weight(report, one.done.role, one.done.weight)
            if weight != 1:
                self._weighed.add(one.done.role)
            self._add(f"weight {one.done.role}", torch.tensor(weight))
            self._add(f"rate {one.done.role}", torch.tensor(weight * report.lr))
            for name, value in one.told.items():
                self._add(name, value)
        if report.norm_before is not None:
            self._add("gradient norm", report.norm_before)
        if report.greatest is not None:
            self._add("greatest gradient", report.greatest)
        self._num_images += len(report.places)

    def points(self, report: Report) -> Iterator[Metric]:
        """What is to be told after this step: nothing, or a point of every series."""
        step = report.step + 1
        if step % self._every and step != self._training.num_steps:
            return
        for name, total in self._sums.items():
            kind, _, role = name.partition(" ")
            if kind not in ("weight", "rate") or role in self._weighed:
                yield from _metric(name, step, float(total) / self._counts[name])
        now = time.perf_counter()
        yield from _metric("learning rate", step, report.lr)
        yield from _metric("images per second", step, self._num_images / (now - self._since))
        self._sums, self._counts = {}, Counter()
        self._num_images, self._since = 0, now

    def leave_out(self, seconds: float) -> None:
        """So much of the time since the last point went into something else than steps."""
        self._since += seconds

    def state_dict(self) -> dict[str, Any]:
        """What has been added up since the last point."""
        return {
            "sums": dict(self._sums),
            "counts": dict(self._counts),
            "weighed": sorted(self._weighed),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        self._sums, self._counts = dict(state["sums"]), Counter(state["counts"])
        self._weighed = set(state["weighed"])

    def _add(self, name: str, value: Tensor) -> None:
        value = value.detach().double()
        before = self._sums.get(name)
        self._sums[name] = value if before is None else before.to(value.device) + value
        self._counts[name] += 1

    def _weight(self, report: Report, role: Any, weight: float) -> float:  # noqa: ANN401  # a Role
        schedule = self._training.recipe.weighs.get(role)
        if schedule is None:
            return weight
        per_epoch, spot = self._training.steps_per_epoch, self._training.timeline.at(report.step)
        return weight * schedule(spot.epoch + spot.batch / per_epoch, spot.num_epochs)


def _metric(name: str, step: int, value: float) -> Iterator[Metric]:
    """Nothing where the value is no number."""
    if isfinite(value):
        yield Metric(name, step, value)
