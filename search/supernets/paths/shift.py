"""Subnets of costs that need training: ShiftNAS (Zhang et al., ICCV 2023).

A reconstruction: no code was released, and the method was read in summaries by others.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from search.errors import DivergedError
from search.spaces import Arch, Space
from search.supernets.architects import Architect, cost_loss
from search.supernets.bins import Bins, Mode, gradient_by_shares
from search.supernets.mix import counts_of, mixture, onehot
from search.supernets.paths import PathSampler
from search.supernets.schedules import Schedule
from search.supernets.steps import Moment, Pass, Report
from search.supernets.supernet import Supernet, largest, smallest

COSTS_KEPT = 100_000  # architectures whose costs are remembered
NUM_CANDIDATES = 64  # draws from which the architecture for a cost is taken
NUM_CHANGED = 8  # of them that are moved nearer to the cost


class BinShift(PathSampler):
    """A bin is drawn, and the architect draws a subnet of its cost.

    The choices of the subnet have weights with gradients, so that the losses teach the architect
    too: entries of a weight are multiplied by the sum of the weights of the choices that have
    them, which is 1 or 0. Hence the whole supernet is run at every step. Costs are shares of the
    largest, and the architect learns them from a draw for every bin at every step; this is ours.

    Args:
        net: with entangled weights.
        rng: nobody else draws from it.
        lr: the learning rate of the weights, for unrolling.
        mode: how the bins' shares are changed.
        num_bins: how many.
        warmup: epochs in which all bins have equal shares.
        every: steps between changes of the shares.
        cost_weight: of the squared distance from the wanted cost, divided by it, in the
            architect's loss.
        architect_lr: of the architect, by Adam.
        shares_lr: of the bins' shares, by Adam.
        cost: of an arch; multiply-adds when left out.
    """

    def __init__(  # noqa: PLR0913  # the settings of the method
        self,
        net: Supernet,
        rng: np.random.Generator,
        *,
        lr: Schedule,
        mode: Mode = "unrolled",
        num_bins: int = 6,
        warmup: int = 50,
        every: int = 100,
        cost_weight: float = 10.0,
        architect_lr: float = 0.01,
        shares_lr: float = 1e-3,
        cost: Callable[[Arch], float] | None = None,
    ) -> None:
        super().__init__(net.space, rng)
        measure = cost or net.macs
        full = float(measure(largest(net.space)))
        self._cost = lru_cache(COSTS_KEPT)(lambda arch: float(measure(arch)) / full)
        self._net, self._lr, self._mode = net, lr, mode
        self._warmup, self._every, self._cost_weight = warmup, every, cost_weight
        self.bins = Bins(self._cost(smallest(net.space)), 1.0, num_bins, shares_lr)
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        self.architect = Architect(counts_of(net.space), generator).to(
            next(net.parameters()).device
        )
        self._optimizer = torch.optim.Adam(self.architect.parameters(), architect_lr)
        self._counts = [0] * num_bins
        self._bin, self._arch = 0, smallest(net.space)
        self._drawn: list[list[Tensor]] = []
        self._weights: list[Tensor] = []

    @classmethod
    def unfit_reason(cls, space: Space) -> str | None:
        """There is no largest subnet."""
        try:
            largest(space)
        except ValueError as error:
            return str(error)
        return super().unfit_reason(space)

    def passes(self, moment: Moment) -> list[Pass]:
        """One subnet, of the cost of a bin that was drawn."""
        if moment.epoch >= self._warmup and moment.step % self._every == 0:
            self._shift(moment)
        self._bin = int(self.rng.choice(self.bins.count, p=self._probabilities()))
        self._drawn = [self._draw(number) for number in range(self.bins.count)]
        trained = self._drawn[self._bin]
        self._weights = [drawn_M.detach().requires_grad_() for drawn_M in trained]
        self._arch = _chosen(self._weights)
        self._counts[self.bins.number(self._cost(self._arch))] += 1
        return [Pass(mixture(self._weights))]

    def own_gradients(self) -> list[Tensor]:
        """Those of the weights of the choices."""
        return [w.grad for w in self._weights if w.grad is not None]

    def observe(self, report: Report) -> None:
        """Teach the architect: the loss of the subnet, and the cost of a draw for every bin."""
        self._distance(self._bin, self._weights).backward()  # adds to the step's loss
        gradients = [w.grad for w in self._weights]
        others = [self._distance(k, d) for k, d in enumerate(self._drawn) if k != self._bin]
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(
            [*self._drawn[self._bin], *others], [*gradients, *[None] * len(others)]
        )
        self._optimizer.step()

    def _distance(self, number: int, drawn: Sequence[Tensor]) -> Tensor:
        """What the architect pays for a draw for a bin."""
        target = self.bins.targets[number]
        distance = cost_loss(self._cost, _chosen(drawn), drawn, target)
        return self._cost_weight / target * distance

    def arch_of(self, cost: float) -> Arch:
        """The architecture for a cost, the result of the method.

        Draws learn to have the wanted cost in the mean, but what is likeliest need not have it.
        So the nearest of some draws, the same ones at every call, are changed choice by choice as
        long as that brings them nearer, and the nearest then is taken; this is ours.

        Args:
            cost: as a share of the largest.
        """

        def distance(arch: Arch) -> float:
            return abs(self._cost(arch) - cost)

        def climbed(arch: Arch) -> Arch:
            nearer = min(self.space.neighbours(arch), key=distance)
            return climbed(nearer) if distance(nearer) < distance(arch) else arch

        starts = sorted(set(self._candidates(cost)), key=lambda arch: (distance(arch), arch))
        return min(map(climbed, starts[:NUM_CHANGED]), key=distance)

    def _candidates(self, cost: float) -> list[Arch]:
        rng = np.random.default_rng(0)
        with torch.no_grad():
            return [_chosen(self.architect.draw(cost, rng)) for _ in range(NUM_CANDIDATES)]

    def own_picks(self) -> dict[str, Arch]:
        """The architecture for the cost of each bin."""
        return {f"cost {target:.2f}": self.arch_of(target) for target in self.bins.targets}

    def log(self) -> dict[str, object]:
        """Shares of the bins, how often subnets of each were trained, and how costs are met.

        ``cost_errors`` are of the architectures for the bins' costs, ``draw_errors`` of the mean
        of what the architect draws.
        """
        return {
            "is_reconstruction": True,
            "targets": self.bins.targets,
            "shares": self.bins.shares_K.tolist(),
            "counts": list(self._counts),
            "cost_errors": [self._error(target) for target in self.bins.targets],
            "draw_errors": [self._draw_error(target) for target in self.bins.targets],
            "arch": list(self._arch),
        }

    def state_dict(self) -> dict[str, Any]:
        """The generator, the architect, the bins and their optimisers."""
        return super().state_dict() | {
            "architect": {k: v.clone() for k, v in self.architect.state_dict().items()},
            "optimizer": self._optimizer.state_dict(),
            "bins": self.bins.state_dict(),
            "counts": list(self._counts),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        super().load_state_dict(state)
        self.architect.load_state_dict(state["architect"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.bins.load_state_dict(state["bins"])
        self._counts = list(state["counts"])

    def _probabilities(self) -> Any:  # noqa: ANN401
        shares = self.bins.shares_K.double()
        return (shares / shares.sum()).numpy()

    def _draw(self, number: int) -> list[Tensor]:
        return self.architect.draw(self.bins.targets[number], self.rng)

    def _error(self, target: float) -> float:
        """How far the architecture for a cost is from it, as a share of it."""
        return abs(self._cost(self.arch_of(target)) - target) / target

    def _draw_error(self, target: float) -> float:
        """The same of the mean cost of draws: of the architect alone."""
        costs = [self._cost(arch) for arch in self._candidates(target)]
        return abs(float(np.mean(costs)) - target) / target

    def _shift(self, moment: Moment) -> None:
        """Change the shares of the bins, by a subnet of each.

        Raises:
            DivergedError: the validation loss has no finite gradient by the shares.
        """
        if self._mode == "none":
            return
        with torch.no_grad():
            drawn = [self._draw(number) for number in range(self.bins.count)]
        mixes = [onehot(_chosen(choices)) for choices in drawn]
        assert moment.batches is not None
        train, validation = moment.batches()

        def on(batch: tuple[Tensor, Tensor]) -> Callable[[int], Tensor]:
            return lambda number: F.cross_entropy(self._net(batch[0], mixes[number]), batch[1])

        if self._mode == "gap":
            with torch.no_grad():
                losses = [on(validation)(number).cpu() for number in range(self.bins.count)]
            if not bool(torch.isfinite(torch.stack(losses)).all()):
                raise DivergedError(moment.step)
            self.bins.note_losses(torch.stack(losses))
            return
        gradient_K = gradient_by_shares(
            list(self._net.parameters()),
            on(train),
            on(validation),
            self.bins.shares_K,
            lr=self._lr(moment.position, moment.num_epochs),
        )
        if not bool(torch.isfinite(gradient_K).all()):
            raise DivergedError(moment.step)
        self.bins.descend(gradient_K)


def _chosen(drawn: Sequence[Tensor]) -> Arch:
    return tuple(int(drawn_M.argmax()) for drawn_M in drawn)
