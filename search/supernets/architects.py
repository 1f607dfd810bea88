"""A generator of architectures of a given cost: ShiftNAS (Zhang et al., ICCV 2023).

A reconstruction: no code was released, and the method was read in summaries by others.
Shapes: D decisions, M choices of one.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search.spaces import Arch

HIDDEN = 64


class Architect(nn.Module):
    """An LSTM that reads the wanted cost at every decision and says logits of its choices.

    Args:
        counts: choices of each decision.
        generator: on the CPU; draws first values.
    """

    def __init__(self, counts: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, HIDDEN, device="meta")  # else torch's own generator is used
        self.heads = nn.ModuleList(nn.Linear(HIDDEN, m, device="meta") for m in counts)
        self.to_empty(device="cpu")
        bound = 1 / math.sqrt(HIDDEN)
        with torch.no_grad():
            for parameter in self.parameters():
                drawn = torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator)
                parameter.copy_(drawn)

    def forward(self, cost: float) -> list[Tensor]:
        """Logits of the choices of each decision.

        Args:
            cost: that is wanted, as a share of the largest.
        """
        device = next(self.parameters()).device
        states_DH, _ = self.lstm(torch.full((len(self.heads), 1), cost, device=device))
        return [head(states_DH[place]) for place, head in enumerate(self.heads)]

    def draw(self, cost: float, rng: np.random.Generator) -> list[Tensor]:
        """One-hot choices for a cost, with gradients."""
        return [straight_through(logits_M, rng) for logits_M in self(cost)]


def straight_through(logits_M: Tensor, rng: np.random.Generator) -> Tensor:
    """A one-hot draw that has the gradient of the softmax it is drawn from (Gumbel, of 1)."""
    noise_M = torch.from_numpy(rng.gumbel(size=len(logits_M))).to(logits_M)
    soft_M = F.softmax(logits_M + noise_M, 0)
    hard_M = F.one_hot(soft_M.argmax(), len(soft_M)).to(soft_M)
    return hard_M + (soft_M - soft_M.detach())  # the bracket is exactly zero


def relaxed_cost(cost: Callable[[Arch], float], arch: Arch, weights: Sequence[Tensor]) -> Tensor:
    """The cost of an architecture, with a gradient by the weights of all choices.

    Where every choice adds a cost of its own this is the sum over decisions of weights times
    costs. Any other cost is made linear around the architecture, by changing one decision at a
    time; this is ours.

    Args:
        cost: of an arch.
        arch: around which.
        weights: of the choices of each decision; each adds up to 1.
    """
    total = torch.tensor(cost(arch), device=weights[0].device)
    for place, weights_M in enumerate(weights):
        costs = [
            cost((*arch[:place], choice, *arch[place + 1 :])) for choice in range(len(weights_M))
        ]
        moved_M = weights_M - F.one_hot(torch.tensor(arch[place]), len(weights_M)).to(weights_M)
        total = total + (moved_M * torch.tensor(costs).to(weights_M)).sum()
    return total


def cost_loss(
    cost: Callable[[Arch], float], arch: Arch, weights: Sequence[Tensor], target: float
) -> Tensor:
    """The squared distance from the wanted cost."""
    return (relaxed_cost(cost, arch, weights) - target) ** 2
