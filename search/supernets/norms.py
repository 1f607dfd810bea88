"""Batch norm under shared weights: whose statistics are used in training and in evaluation.

Tracked statistics are a mixture over all subnets that were trained and fit none of them (BigNAS,
Yu et al., 2020, arXiv:2003.11142; How to Train Your Super-Net, Yu et al., 2020, arXiv:2003.04276).
Shapes: B images, C channels, H height, W width.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

EPS = 1e-5
Moments = tuple[Tensor, Tensor]  # mean and unbiased variance of each channel
Policy = Literal["batch", "tracked", "recalibrated"]


class Norms(Protocol):
    """Normalises by some statistics."""

    def __call__(
        self, x_BCHW: Tensor, weight_C: Tensor | None, bias_C: Tensor | None, place: str
    ) -> Tensor:
        """*x*, normalised, scaled and shifted.

        Args:
            x_BCHW: images.
            weight_C: scale, or None for 1.
            bias_C: shift, or None for 0.
            place: where statistics of this norm are kept.
        """


class BatchNorms:
    """Statistics of the batch itself; nothing is kept."""

    def __call__(
        self, x_BCHW: Tensor, weight_C: Tensor | None, bias_C: Tensor | None, place: str
    ) -> Tensor:
        """Normalise by the batch."""
        return F.batch_norm(x_BCHW, None, None, weight_C, bias_C, True, 0.0, EPS)


class TrackedNorms:
    """Statistics of the batch, while running averages are kept for evaluation.

    Args:
        momentum: weight of the newest batch.
    """

    def __init__(self, momentum: float = 0.1) -> None:
        self.momentum = momentum
        self.moments: dict[str, Moments] = {}

    def __call__(
        self, x_BCHW: Tensor, weight_C: Tensor | None, bias_C: Tensor | None, place: str
    ) -> Tensor:
        """Normalise by the batch, and move the averages of the channels that are there."""
        channels = x_BCHW.shape[1]
        mean_C, variance_C = self._of(place, channels, x_BCHW.device)
        return F.batch_norm(
            x_BCHW,
            mean_C[:channels],
            variance_C[:channels],
            weight_C,
            bias_C,
            True,
            self.momentum,
            EPS,
        )

    def state_dict(self) -> dict[str, Any]:
        """Mean and variance by place."""
        return {place: list(moments) for place, moments in self.moments.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        self.moments = {place: (mean, variance) for place, (mean, variance) in state.items()}

    def _of(self, place: str, channels: int, device: torch.device) -> Moments:
        mean_C, variance_C = self.moments.get(place, _start(0, device))
        missing = channels - len(mean_C)
        if missing > 0:
            more_mean_C, more_variance_C = _start(missing, device)
            mean_C = torch.cat([mean_C, more_mean_C])
            variance_C = torch.cat([variance_C, more_variance_C])
            self.moments[place] = mean_C, variance_C
        return mean_C, variance_C


class FixedNorms:
    """Given statistics, which nothing changes."""

    def __init__(self, moments: Mapping[str, Moments]) -> None:
        self.moments = dict(moments)

    def __call__(
        self, x_BCHW: Tensor, weight_C: Tensor | None, bias_C: Tensor | None, place: str
    ) -> Tensor:
        """Normalise by what is kept for *place*; the identity where nothing ever was."""
        channels = x_BCHW.shape[1]
        mean_C, variance_C = self.moments.get(place) or _start(channels, x_BCHW.device)
        return F.batch_norm(
            x_BCHW, mean_C[:channels], variance_C[:channels], weight_C, bias_C, False, 0.0, EPS
        )


class CollectingNorms:
    """Statistics of the batch, averaged over all batches with equal weights.

    A norm that runs several times for one batch counts every time.
    """

    def __init__(self) -> None:
        self.moments: dict[str, Moments] = {}
        self._seen: dict[str, int] = {}

    def __call__(
        self, x_BCHW: Tensor, weight_C: Tensor | None, bias_C: Tensor | None, place: str
    ) -> Tensor:
        """Normalise by the batch and add it to the average."""
        seen = self._seen[place] = self._seen.get(place, 0) + 1
        if seen == 1:
            self.moments[place] = _start(x_BCHW.shape[1], x_BCHW.device)
        mean_C, variance_C = self.moments[place]
        return F.batch_norm(x_BCHW, mean_C, variance_C, weight_C, bias_C, True, 1 / seen, EPS)


class NormPolicy:
    """Which norms are used in training, and which to evaluate one subnet.

    Args:
        kind: ``batch`` uses statistics of the batch at hand, always; ``tracked`` keeps running
            averages over all subnets and evaluates with them; ``recalibrated`` trains like
            ``batch`` and gives each subnet statistics of its own before it is evaluated.
        momentum: of the running averages; for ``tracked`` alone.
    """

    def __init__(self, kind: Policy = "recalibrated", momentum: float = 0.1) -> None:
        self.kind = kind
        self.training: BatchNorms | TrackedNorms = (
            TrackedNorms(momentum) if kind == "tracked" else BatchNorms()
        )

    def for_evaluation(
        self, run: Callable[[Tensor, Norms], object], batches: Iterable[Tensor]
    ) -> Norms:
        """The norms to evaluate one subnet with.

        Args:
            run: a forward pass of the subnet, given images and norms.
            batches: training images for the calibration; read only when it is needed.
        """
        if isinstance(self.training, TrackedNorms):
            return FixedNorms(self.training.moments)
        return calibrated(run, batches) if self.kind == "recalibrated" else self.training

    def split(self, pairs: Iterable[tuple[int, int]], *, is_split: bool) -> None:
        """Give members of a supernet copies of running averages.

        Args:
            pairs: each member and the one that it is a copy of.
            is_split: those that are copied were members too, so that their places have a number.
        """
        if not isinstance(self.training, TrackedNorms):
            return
        before = self.training.moments
        self.training.moments = {
            f"{member}:{place.removeprefix(start)}": (mean_C.clone(), variance_C.clone())
            for member, origin in pairs
            for start in [f"{origin}:" if is_split else ""]
            for place, (mean_C, variance_C) in before.items()
            if place.startswith(start)
        }

    def state_dict(self) -> dict[str, Any]:
        """Running averages, if any."""
        training = self.training
        return training.state_dict() if isinstance(training, TrackedNorms) else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        if isinstance(self.training, TrackedNorms):
            self.training.load_state_dict(state)


@torch.no_grad()
def calibrated(run: Callable[[Tensor, Norms], object], batches: Iterable[Tensor]) -> FixedNorms:
    """Statistics of one subnet: averages over the batches of their means and variances.

    Nothing of the supernet changes, so one subnet's calibration is never another's.
    """
    collecting = CollectingNorms()
    for x_BCHW in batches:
        run(x_BCHW, collecting)
    return FixedNorms(collecting.moments)


def _start(channels: int, device: torch.device) -> Moments:
    return torch.zeros(channels, device=device), torch.ones(channels, device=device)
