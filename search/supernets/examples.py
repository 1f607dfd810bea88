"""Training examples, and the order in which they are seen.

Shapes: N examples, B of a batch, C channels, H height, W width, K classes.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.strategies._state import rng_as_json, set_rng
from search.supernets.schedules import Smoothing, linear_smoothing
from search.supernets.steps import Report

Places = NDArray[np.int64]

QUANTILES = {"least": 0.0, "10 %": 0.1, "50 %": 0.5, "90 %": 0.9, "99 %": 0.99, "most": 1.0}


class Examples(Protocol):
    """Images and labels on a device."""

    def __len__(self) -> int:
        """How many."""

    def batch(self, places: Places, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Images, B x C x H x W, and labels.

        Args:
            places: which ones.
            rng: for whatever is done to images at random; nobody else draws from it.
        """


class HeldExamples:
    """All images in memory, as they are.

    Args:
        x_NCHW: images, normalised, on the device of the training.
        y_N: their classes, on the same device.
    """

    def __init__(self, x_NCHW: Tensor, y_N: Tensor) -> None:
        self.x_NCHW, self.y_N = x_NCHW, y_N

    def __len__(self) -> int:
        return len(self.y_N)

    def batch(self, places: Places, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Nothing is done to them."""
        chosen_B = torch.from_numpy(places).to(self.y_N.device)
        return self.x_NCHW.index_select(0, chosen_B), self.y_N.index_select(0, chosen_B)


class Chosen:
    """Some of the examples.

    Args:
        examples: all.
        places: of those that are there.
    """

    def __init__(self, examples: Examples, places: Places) -> None:
        self.examples, self.places = examples, places

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, places: Places, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Those at these places among the chosen."""
        return self.examples.batch(self.places[places], rng)


class Shuffled:
    """Every example once an epoch, in an order drawn anew.

    Args:
        count: how many examples there are.
        rng: nobody else draws from it.
    """

    wants_scores = False

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self.count = count
        self.rng = rng

    def order(self) -> Places:
        """The next epoch's."""
        return self.rng.permutation(self.count)

    def redrawn(self, size: int, rng: np.random.Generator) -> Places:
        """A batch as it would be drawn now, by another generator."""
        return rng.permutation(self.count)[:size]

    def weights(self, places: Places) -> NDArray[np.float32] | None:
        """Factors of the losses of these examples in the epoch at hand; None for 1."""
        return None

    def observe(self, report: Report) -> None:
        """Look at a step."""

    def end_epoch(self, epoch: int, num_epochs: int) -> None:
        """Called after the last step of epoch number *epoch*, before the next order is asked for.

        Args:
            epoch: from 0.
            num_epochs: in all.
        """

    def log(self) -> dict[str, object]:
        """What the method itself is to be watched by, as JSON."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {"rng": rng_as_json(self.rng)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        set_rng(self.rng, state["rng"])


class ImportanceData(Shuffled):
    """Examples as often as their gradients are large: PA&DA (Lu et al., 2023, arXiv:2302.14772).

    An example's score is the norm of the gradient of its loss by the logits; drawn again within
    an epoch, the mean of its score so far and the new one. Without smoothing, the order is that
    of :class:`Shuffled`.

    Args:
        count: how many examples there are.
        rng: nobody else draws from it.
        smoothing: share of the scores in the probabilities, by epoch; 0 is uniform.
        reweights: divide losses by how much more often an example is drawn than by chance, so
            that gradients have no bias. The paper does, from memory; the code does not.
    """

    def __init__(
        self,
        count: int,
        rng: np.random.Generator,
        smoothing: Smoothing = linear_smoothing,
        *,
        reweights: bool = False,
    ) -> None:
        super().__init__(count, rng)
        self._smoothing, self._reweights = smoothing, reweights
        self.scores = np.zeros(count)
        self.probabilities = np.full(count, 1 / count)
        self._is_uniform = True

    def order(self) -> Places:
        """As many as there are, drawn with replacement; each once while all are alike."""
        if self._is_uniform:
            return super().order()
        return self.rng.choice(self.count, self.count, p=self.probabilities)

    def redrawn(self, size: int, rng: np.random.Generator) -> Places:
        """By the probabilities of this epoch; with them, an image may come twice."""
        if self._is_uniform:
            return super().redrawn(size, rng)
        return rng.choice(self.count, size, p=self.probabilities)

    def weights(self, places: Places) -> NDArray[np.float32] | None:
        """One over the count times the probability, where that was asked for."""
        if not self._reweights or self._is_uniform:
            return None
        return (1 / (self.count * self.probabilities[places])).astype(np.float32)

    def observe(self, report: Report) -> None:
        """Score the examples of the batch."""
        logits_BK = report.passes[0].logits_BK
        errors_BK = logits_BK.softmax(1)
        errors_BK[torch.arange(len(errors_BK)), report.y_B] -= 1
        self.note(report.places, errors_BK.norm(dim=1).tolist())

    def note(self, places: Places, scores: list[float]) -> None:
        """Take scores in."""
        for place, score in zip(places.tolist(), scores, strict=True):
            before = self.scores[place]
            self.scores[place] = (before + score) / 2 if before else score

    def end_epoch(self, epoch: int, num_epochs: int) -> None:
        """Make the next epoch's probabilities, and begin to score anew."""
        share, total = self._smoothing(epoch, num_epochs), self.scores.sum()
        self._is_uniform = bool(share == 0 or total == 0)
        if self._is_uniform:
            self.probabilities = np.full(self.count, 1 / self.count)
        else:
            self.probabilities = share * self.scores / total + (1 - share) / self.count
        self.scores = np.zeros(self.count)

    @property
    def effective_size(self) -> float:
        """How many examples a uniform draw of equal evenness would have."""
        return float(1 / (self.probabilities**2).sum())

    def log(self) -> dict[str, object]:
        """How uneven the draws are: quantiles of N times the probability, 1 being uniform.

        ``effective_share`` is the effective size as a share of N.
        """
        found = np.quantile(self.count * self.probabilities, list(QUANTILES.values()))
        return {
            "effective_share": self.effective_size / self.count,
            "probability_quantiles": dict(zip(QUANTILES, found.tolist(), strict=True)),
        }

    def state_dict(self) -> dict[str, Any]:
        """The generator, scores and probabilities."""
        return super().state_dict() | {
            "scores": torch.from_numpy(self.scores.copy()),
            "probabilities": torch.from_numpy(self.probabilities.copy()),
            "is_uniform": self._is_uniform,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        super().load_state_dict(state)
        self.scores = state["scores"].numpy().copy()
        self.probabilities = state["probabilities"].numpy().copy()
        self._is_uniform = bool(state["is_uniform"])
