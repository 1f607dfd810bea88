"""The sandwich: the largest subnet, the smallest, and some between.

Yu and Huang (2019), arXiv:1903.05134; BigNAS, Yu et al. (2020), arXiv:2003.11142.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from search.spaces import Arch, Space
from search.supernets.paths import PathSampler, uniform_draw
from search.supernets.schedules import Schedule
from search.supernets.steps import Moment, Pass, pass_of
from search.supernets.supernet import largest, smallest


class Sandwich(PathSampler):
    """The largest subnet, some drawn uniformly, and the smallest, in this order.

    Args:
        space: whose architectures are drawn.
        rng: nobody else draws from it.
        num_mid: how many are drawn.
    """

    def __init__(self, space: Space, rng: np.random.Generator, num_mid: int = 2) -> None:
        super().__init__(space, rng)
        self._draw = uniform_draw(space)
        self._num_mid = num_mid
        self._max, self._min = pass_of(largest(space), "max"), pass_of(smallest(space), "min")

    @classmethod
    def unfit_reason(cls, space: Space) -> str | None:
        """There is no largest subnet."""
        try:
            largest(space)
        except ValueError as error:
            return str(error)
        return super().unfit_reason(space)

    def passes(self, moment: Moment) -> list[Pass]:
        """Largest, middle ones, smallest."""
        mids = [pass_of(self.mid(moment), "mid") for _ in range(self._num_mid)]
        return [self._max, *mids, self._min]

    def mid(self, moment: Moment) -> Arch:
        """One of those between."""
        return self._draw(self.rng)


class CostConditioned(Sandwich):
    """Middle subnets are the best or worst of a few of one cost (AttentiveNAS), code.

    Wang et al. (2021), arXiv:2011.09011. A target cost is drawn from the costs of many random
    subnets; candidates are drawn from how often each choice was made at that cost, and drawn
    again, up to 100 times, until they have it. That costs are grouped into a number of equal bins
    instead of bins of 25 million multiply-adds is ours, so that small spaces have bins too.

    Args:
        space: whose architectures are drawn.
        rng: nobody else draws from it.
        cost: of an architecture.
        num_mid: how many subnets lie between the largest and the smallest.
        candidates: how many are compared for each.
        keeps: the candidate of the least or of the greatest loss on the batch.
        num_bins: groups of equal width, from the least to the greatest cost.
        num_samples: random subnets from which the distributions are taken.
    """

    MAX_DRAWS = 100

    def __init__(  # noqa: PLR0913  # the settings of the method
        self,
        space: Space,
        rng: np.random.Generator,
        cost: Callable[[Arch], float],
        *,
        num_mid: int = 2,
        candidates: int = 3,
        keeps: str = "best",
        num_bins: int = 32,
        num_samples: int = 2000,
    ) -> None:
        super().__init__(space, rng, num_mid)
        self._cost, self._candidates = cost, candidates
        self._sign = 1 if keeps == "best" else -1
        low, high = cost(smallest(space)), cost(largest(space))
        self._low, self._width = low, (high - low) / num_bins or 1.0
        self._sort([self._draw(rng) for _ in range(num_samples)])

    def bin_of(self, arch: Arch) -> int:
        """The group of its cost."""
        return int((self._cost(arch) - self._low) // self._width)

    def mid(self, moment: Moment) -> Arch:
        """The best or worst of the candidates of one cost."""
        target = self._bins[int(self.rng.choice(len(self._bins), p=self._shares))]
        archs = [self._candidate(target) for _ in range(self._candidates)]
        if len(archs) == 1:
            return archs[0]
        losses = [self._sign * moment.loss_of(pass_of(arch).mix) for arch in archs]
        return archs[losses.index(min(losses))]

    def state_dict(self) -> dict[str, Any]:
        """The generator, and the random subnets that stand for all."""
        return super().state_dict() | {"samples": torch.tensor(self._samples)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        super().load_state_dict(state)
        self._sort([tuple(arch) for arch in state["samples"].tolist()])

    def _sort(self, samples: list[Arch]) -> None:
        """Put random subnets into bins."""
        self._samples = samples
        self._archs_by_bin: dict[int, list[Arch]] = {}
        for arch in samples:
            self._archs_by_bin.setdefault(self.bin_of(arch), []).append(arch)
        self._bins = sorted(self._archs_by_bin)
        counts = np.array([len(self._archs_by_bin[b]) for b in self._bins])
        self._shares = counts / counts.sum()

    def _candidate(self, target: int) -> Arch:
        """Every choice as often as in the subnets of this cost: one of them at each decision."""
        known = self._archs_by_bin[target]
        for _ in range(self.MAX_DRAWS):
            picks = self.rng.integers(len(known), size=len(known[0])).tolist()
            arch = tuple(known[pick][place] for place, pick in enumerate(picks))
            if self.bin_of(arch) == target:
                break
        return arch


class FullThenSandwich(Sandwich):
    """The largest alone, then all, whose weight rises: DepS, code.

    Annavajjala et al. (2024), arXiv:2407.06167. While subnets are faded in, their weight times
    the learning rate rises by equal amounts, from 0 to what it is to stay at.

    Args:
        space: whose architectures are drawn.
        rng: nobody else draws from it.
        lr: the learning rate by epochs behind and in all; it is asked for a later epoch's too.
        ready: epoch from which subnets have their full weight.
        fade: epochs over which they are faded in before that.
        weight: of a subnet in the end.
        num_mid: how many are drawn.
    """

    def __init__(  # noqa: PLR0913  # the settings of the method
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        lr: Schedule,
        ready: int,
        fade: int,
        weight: float = 1.0,
        num_mid: int = 2,
    ) -> None:
        super().__init__(space, rng, num_mid)
        self._lr, self._ready, self._fade, self._weight = lr, ready, fade, weight
        self.epsilon = self.rate = 0.0

    def passes(self, moment: Moment) -> list[Pass]:
        """The largest; and, once they count, the smallest and the middle ones."""
        self.epsilon = self.weight_at(moment)
        self.rate = self._lr(moment.position, moment.num_epochs)
        if self.epsilon == 0:
            return [self._max]
        mids = [pass_of(self.mid(moment), "mid", self.epsilon) for _ in range(self._num_mid)]
        return [self._max, Pass(self._min.mix, "min", self.epsilon), *mids]

    def weight_at(self, moment: Moment) -> float:
        """Epsilon: the weight of a subnet in this step."""
        first = (self._ready - self._fade) * moment.steps_per_epoch
        if moment.step < first:
            return 0.0
        if moment.step >= self._ready * moment.steps_per_epoch:
            return self._weight
        share = (moment.step - first + 1) / (self._fade * moment.steps_per_epoch)
        rates = [self._lr(e, moment.num_epochs) for e in (self._ready, moment.position)]
        return share * self._weight * rates[0] / rates[1]

    def log(self) -> dict[str, object]:
        """The weight of the subnets, and the rate at which they learn: that times the rate."""
        return {"epsilon": self.epsilon, "epsilon_times_rate": self.epsilon * self.rate}
