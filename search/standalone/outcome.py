"""What a training says on its way and at its end."""

from collections.abc import Generator
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import numpy as np

MAX_CURVE = 100  # points that details show
DIGITS = 5


@dataclass(frozen=True)
class Pause:
    """A moment between two batches at which a training can be left.

    Attributes:
        epoch: how many are done.
        epochs: how many there will be.
        share: of the whole training, 0 to 1.
        is_epoch_end: what was learned up to here is kept.
    """

    epoch: int
    epochs: int
    share: float
    is_epoch_end: bool = False


@dataclass(frozen=True)
class Evaluation:
    """Of the network in evaluation mode on one part of the data; nan after a divergence.

    Attributes:
        accuracy: share of right answers (top-1), in percent.
        loss: mean cross entropy, in nats, without label smoothing.
    """

    accuracy: float = nan
    loss: float = nan


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        diverged_in: the epoch, from 1, whose loss was not finite; None when all were.
        curve: by epoch: ``loss`` and ``accuracy`` on the training examples as they were
            trained on, ``validation_loss`` and ``validation_accuracy``.
    """

    validation: Evaluation
    test: Evaluation
    diverged_in: int | None
    seconds: float
    resumed_after: tuple[int, ...]
    num_examples: dict[str, int]
    curve: dict[str, list[float]]

    def details(self) -> dict[str, Any]:
        """What is recorded beside the value, as JSON."""
        found: dict[str, Any] = {
            "training_s": round(self.seconds, 3),
            "examples": self.num_examples,
            "resumed_after_epochs": list(self.resumed_after),
            "curve": thinned(self.curve),
        }
        if self.diverged_in is not None:
            return {**found, "reason": f"the loss was not finite in epoch {self.diverged_in}"}
        results = {"validation": self.validation, "test": self.test}
        for part, result in results.items():
            if isfinite(result.loss):
                found |= {f"{part}_accuracy": result.accuracy, f"{part}_loss": result.loss}
        return found


Steps = Generator[Pause, None, Trained]


def thinned(curve: dict[str, list[float]]) -> dict[str, list[float]]:
    """At most a hundred epochs, evenly spread, first and last among them; and which they are."""
    length = max((len(values) for values in curve.values()), default=0)
    if not length:
        return {}
    places = np.unique(np.linspace(0, length - 1, min(length, MAX_CURVE)).round().astype(int))
    points = {
        name: [float(f"{values[place]:.{DIGITS}g}") for place in places]
        for name, values in curve.items()
    }
    return {"epoch": [int(place) + 1 for place in places], **points}
