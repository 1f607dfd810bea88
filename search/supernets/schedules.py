"""Schedules: pure functions of how far a training has come."""

import math
from collections.abc import Callable
from functools import partial

Schedule = Callable[[float, int], float]  # of epochs behind and epochs in all
Smoothing = Callable[[int, int], float]  # of the epoch and epochs in all


def constant(value: float) -> Schedule:
    """Always the same."""
    return partial(_constant, value)


def cosine(
    start: float, end: float = 0.0, *, warmup: float = 0.0, warmup_factor: float = 0.0
) -> Schedule:
    """Half a cosine from *start* to *end*, after a linear rise.

    Args:
        start: the highest value.
        end: the value when all epochs are behind.
        warmup: epochs of the rise.
        warmup_factor: share of *start* from which the rise begins.
    """
    return partial(_cosine, start, end, warmup, warmup_factor)


def decay_then_constant(  # what the schedule is made of
    start: float,
    *,
    factor: float = 0.97,
    every: float = 2.4,
    floor: float = 0.05,
    warmup: float = 0.0,
    warmup_factor: float = 0.0,
) -> Schedule:
    """Exponential decay that stops at a share of the start: BigNAS.

    The floor is from a review of the paper, factor and interval are from memory.

    Args:
        start: the highest value.
        factor: of every decay.
        every: epochs between decays.
        floor: least share of *start*.
        warmup: epochs of a linear rise before.
        warmup_factor: share of *start* from which the rise begins.
    """
    return partial(_decay, start, factor, every, floor, warmup, warmup_factor)


def linear_smoothing(epoch: int, num_epochs: int) -> float:
    """The share of the epochs that lay behind when this one began: 0 at first."""
    return epoch / num_epochs


def no_smoothing(epoch: int, num_epochs: int) -> float:
    """Always 0."""
    return 0.0


def _constant(value: float, position: float, num_epochs: int) -> float:
    return value


def _cosine(  # bound above
    start: float,
    end: float,
    warmup: float,
    warmup_factor: float,
    position: float,
    num_epochs: int,
) -> float:
    if position < warmup:
        return _rise(start, warmup, warmup_factor, position)
    share = (position - warmup) / max(num_epochs - warmup, 1e-9)
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


def _decay(  # noqa: PLR0913  # bound above
    start: float,
    factor: float,
    every: float,
    floor: float,
    warmup: float,
    warmup_factor: float,
    position: float,
    num_epochs: int,
) -> float:
    if position < warmup:
        return _rise(start, warmup, warmup_factor, position)
    decays = math.floor(position / every + 1e-9)  # 7.2 epochs are three times 2.4
    return max(start * factor**decays, floor * start)


def _rise(start: float, warmup: float, warmup_factor: float, position: float) -> float:
    share = position / warmup
    return start * (warmup_factor + (1 - warmup_factor) * share)
