"""What paired differences of a few seeds say."""

from collections.abc import Sequence
from itertools import product
from typing import Literal

import numpy as np

from benchmarks.effects.protocol import Kind

Seen = Literal["seen", "not seen", "opposite", "not decided"]
MAX_EXACT = 6  # seeds of which all resamples are listed
LEVEL = 0.95


def interval(differences: Sequence[float]) -> tuple[float, float] | None:
    """Of the mean difference: percentiles of its bootstrap; None for fewer than three seeds.

    All resamples are listed where there are few seeds. With three it goes from the least to the
    greatest difference.
    """
    count = len(differences)
    if count < 3:
        return None
    values = np.asarray(differences)
    if count <= MAX_EXACT:
        places = np.array(list(product(range(count), repeat=count)))
    else:
        places = np.random.default_rng(0).integers(count, size=(10_000, count))
    means = np.sort(values[places].mean(1))
    tail = (1 - LEVEL) / 2
    low = means[int(tail * len(means))]
    return float(low), float(means[len(means) - 1 - int(tail * len(means))])


def seen(differences: Sequence[float], kind: Kind = "comparison") -> Seen:
    """Whether the left side of a claim is greater; an interval with 0 in it decides nothing."""
    found = interval(differences)
    if found is None or found[0] <= 0 <= found[1]:
        return "not decided"
    if found[0] > 0:
        return "seen"
    return "opposite" if kind == "comparison" else "not seen"
