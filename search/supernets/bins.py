"""How often subnets of each cost are trained: ShiftNAS (Zhang et al., ICCV 2023).

A reconstruction: no code was released. That the bins' shares are improved through one unrolled
step of the weights, and the cheaper way by gaps, are ours. Shapes: K bins.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

Mode = Literal["unrolled", "gap", "none"]
LossOf = Callable[[int], Tensor]  # mean loss of the subnet of a bin, with its graph

KEPT = 0.9  # of a smoothed gap, at every look
EPS = 1e-3  # added to gaps, so that none is zero


class Bins:
    """Bins of equal width, and the share of steps that each gets: a softmax.

    Args:
        low: the least cost.
        high: the greatest.
        count: K.
        lr: of the shares' logits, by Adam.
    """

    def __init__(self, low: float, high: float, count: int, lr: float = 1e-3) -> None:
        self.low, self.width, self.count = low, (high - low) / count or 1.0, count
        self.logits_K = nn.Parameter(torch.zeros(count))
        self.optimizer = torch.optim.Adam([self.logits_K], lr)
        self.gaps_K = torch.zeros(count)
        self.best_K = torch.full((count,), torch.inf)

    @property
    def targets(self) -> list[float]:
        """The cost in the middle of each bin."""
        return [self.low + (number + 0.5) * self.width for number in range(self.count)]

    @property
    def shares_K(self) -> Tensor:
        """Of the steps, of each bin."""
        return self.logits_K.detach().softmax(0)

    def number(self, cost: float) -> int:
        """The bin of a cost."""
        return min(max(int((cost - self.low) // self.width), 0), self.count - 1)

    def descend(self, gradient_K: Tensor) -> None:
        """One step against the gradient by the shares."""
        shares_K = self.shares_K
        self.logits_K.grad = shares_K * (gradient_K - (shares_K * gradient_K).sum())
        self.optimizer.step()

    def note_losses(self, losses_K: Tensor) -> None:
        """Make shares proportional to how far losses are above the least that each has had."""
        self.best_K = torch.minimum(self.best_K, losses_K)
        self.gaps_K = KEPT * self.gaps_K + (1 - KEPT) * (losses_K - self.best_K)
        with torch.no_grad():
            self.logits_K.copy_((self.gaps_K + EPS).log())

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {
            "logits": self.logits_K.detach().clone(),
            "optimizer": self.optimizer.state_dict(),
            "gaps": self.gaps_K.clone(),
            "best": self.best_K.clone(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        with torch.no_grad():
            self.logits_K.copy_(state["logits"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.gaps_K, self.best_K = state["gaps"].clone(), state["best"].clone()


def gradient_by_shares(
    parameters: Sequence[nn.Parameter],
    train: LossOf,
    validate: LossOf,
    shares_K: Tensor,
    *,
    lr: float,
) -> Tensor:
    """How the validation loss after one step of the weights changes with the bins' shares, K.

    The step is along the mean gradient of all bins' training losses, by their shares; second
    derivatives are finite differences as in DARTS (Liu et al., 2019, arXiv:1806.09055).

    Args:
        parameters: the weights; are changed and put back.
        train: training loss of the subnet of a bin, with the weights as they stand.
        validate: validation loss of the same subnet.
        shares_K: of the bins.
        lr: length of the step.
    """
    numbers = range(len(shares_K))
    before = [parameter.detach().clone() for parameter in parameters]
    mean = sum(
        (share * train(k) for k, share in zip(numbers, shares_K, strict=True)), torch.tensor(0.0)
    )
    steps = _gradients(mean, parameters)
    _move(parameters, before, steps, -lr)
    mean = sum(map(validate, numbers), torch.tensor(0.0)) / len(shares_K)
    v = _gradients(mean, parameters)
    h = 0.01 / float(torch.stack(torch._foreach_norm(v)).norm().clamp(min=1e-12))
    sides = []
    for sign in (h, -h):
        _move(parameters, before, v, sign)
        with torch.no_grad():
            sides.append(torch.stack([train(k).detach().cpu() for k in numbers]))
    _move(parameters, before, v, 0.0)
    return -lr * (sides[0] - sides[1]) / (2 * h)


def _gradients(loss: Tensor, parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return [
        torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)
    ]


@torch.no_grad()
def _move(
    parameters: Sequence[nn.Parameter],
    before: Sequence[Tensor],
    along: Sequence[Tensor],
    factor: float,
) -> None:
    """Put parameters a little way from where they were, or exactly there."""
    for parameter, start, direction in zip(parameters, before, along, strict=True):
        parameter.copy_(start if factor == 0 else start + factor * direction)
