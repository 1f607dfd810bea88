"""Coarse to fine: how BigNAS picks a subnet (Yu et al., 2020, arXiv:2003.11142).

The steps are from a review of the paper and from AttentiveNAS's code; the number of mutations is
from a re-implementation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from search.spaces import Arch, Space


@dataclass(frozen=True)
class Picked:
    """A subnet within the limit.

    Attributes:
        accuracy: as it was evaluated.
        cost: what the limit is a limit of.
        stage: ``coarse`` or ``fine``.
    """

    arch: Arch
    accuracy: float
    cost: float
    stage: str


def coarse_grid(space: Space) -> list[Arch]:
    """Every combination of one choice for each kind of decision, the same wherever it occurs."""
    kinds = list(dict.fromkeys(decision.kind for decision in space.decisions))
    counts = {
        kind: min(len(d.choices) for d in space.decisions if d.kind == kind) for kind in kinds
    }
    return [
        tuple(choices[kinds.index(decision.kind)] for decision in space.decisions)
        for choices in product(*(range(counts[kind]) for kind in kinds))
    ]


def coarse_to_fine(  # noqa: PLR0913  # what the selection depends on
    space: Space,
    accuracy: Callable[[Arch], float],
    cost: Callable[[Arch], float],
    *,
    limit: float,
    rng: np.random.Generator,
    mutations: int = 200,
    redraw: float = 0.1,
) -> Iterator[Picked]:
    """The best so far, whenever there is a better one; the last is the pick.

    First the grid is evaluated, then the best of it is changed again and again: every decision
    is drawn anew, among its other choices, with a small probability; what is better is kept.

    Args:
        space: whose subnets are evaluated.
        accuracy: of a subnet; greater is better.
        cost: of a subnet; looked at before it is evaluated.
        limit: greatest cost.
        rng: draws the changes.
        mutations: how many changes are tried.
        redraw: probability of every decision to be drawn anew.

    Raises:
        ValueError: nothing in the grid is within the limit.
    """
    best: Picked | None = None
    for arch in coarse_grid(space):
        found = _within(arch, accuracy, cost, limit, "coarse")
        if found and (best is None or found.accuracy > best.accuracy):
            best = found
            yield best
    if best is None:
        least = min(cost(arch) for arch in coarse_grid(space))
        raise ValueError(f"no subnet of the grid is within {limit:g}; the cheapest is {least:g}")
    for _ in range(mutations):
        found = _within(_redrawn(space, best.arch, redraw, rng), accuracy, cost, limit, "fine")
        if found and found.accuracy > best.accuracy:
            best = found
            yield best


def _within(
    arch: Arch,
    accuracy: Callable[[Arch], float],
    cost: Callable[[Arch], float],
    limit: float,
    stage: str,
) -> Picked | None:
    price = cost(arch)
    return Picked(arch, accuracy(arch), price, stage) if price <= limit else None


def _redrawn(space: Space, arch: Arch, share: float, rng: np.random.Generator) -> Arch:
    counts = [len(decision.choices) for decision in space.decisions]
    numbers = rng.random(len(counts)).tolist()
    steps = [int(rng.integers(1, count)) if count > 1 else 0 for count in counts]
    return tuple(
        (choice + step) % count if number < share else choice
        for choice, count, number, step in zip(arch, counts, numbers, steps, strict=True)
    )
