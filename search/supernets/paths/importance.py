"""Operations as often as their gradients are large: PA&DA (Lu et al., 2023, arXiv:2302.14772)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from search.spaces import Arch
from search.supernets.paths import Draw, PathSampler
from search.supernets.schedules import Smoothing, linear_smoothing
from search.supernets.steps import Moment, Pass, Report, gradient_norms, pass_of
from search.supernets.supernet import Supernet


class ImportancePath(PathSampler):
    """One architecture a step; every decision draws from one vector of probabilities, code.

    The vector follows the norms of the gradients of each operation's convolutions, after
    clipping, more closely the further training has come. As in the authors' code the first
    observation of an epoch is halved, and operations without weights count nothing, so that they
    are hardly drawn at the end.

    Args:
        net: whose gradients are looked at.
        rng: nobody else draws from it.
        smoothing: share of the observed in the probabilities, by epoch; 0 is uniform.
    """

    def __init__(
        self, net: Supernet, rng: np.random.Generator, smoothing: Smoothing = linear_smoothing
    ) -> None:
        super().__init__(net.space, rng)
        self._parameters_at: Callable[..., list[Any]] = net.parameters_at
        self._smoothing = smoothing
        self.num_choices = len(net.space.decisions[0].choices)
        self.observed = [0.0] * self.num_choices
        self._set([1 / self.num_choices] * self.num_choices)

    @classmethod
    def unfit_reason(cls, space: Any) -> str | None:  # noqa: ANN401  # a Space
        """Decisions do not have the same choices."""
        if len({decision.choices for decision in space.decisions}) > 1:
            return "one vector of probabilities needs decisions that all have the same choices"
        return super().unfit_reason(space)

    def passes(self, moment: Moment) -> list[Pass]:
        """One."""
        return [pass_of(self._draw(self.rng))]

    def redrawn(self, rng: np.random.Generator) -> Arch:
        """By the probabilities of this epoch."""
        return self._draw(rng)

    def observe(self, report: Report) -> None:
        """Add the gradients of the step's architecture."""
        arch = report.passes[0].done.mix.arch
        assert arch is not None
        found = [self._parameters_at(place, choice) for place, choice in enumerate(arch)]
        norms = iter(gradient_norms([p for parameters in found for p in parameters]))
        self.note(arch, [sum(next(norms) for _ in parameters) for parameters in found])

    def note(self, arch: Arch, norms: list[float]) -> None:
        """Move what is observed of each operation half way to what *arch* shows.

        Args:
            arch: that was trained.
            norms: for each decision, summed over all parameters of its operation.
        """
        for choice in set(arch):
            seen = [norm for made, norm in zip(arch, norms, strict=True) if made == choice]
            mean = sum(seen) / len(seen)
            if mean > 0:
                self.observed[choice] = (self.observed[choice] + mean) / 2

    def end_epoch(self, epoch: int, num_epochs: int) -> None:
        """Make the next epoch's probabilities, and begin to observe anew."""
        total, share = sum(self.observed), self._smoothing(epoch, num_epochs)
        shares = [value / total if total else 1 / self.num_choices for value in self.observed]
        self._set([share * s + (1 - share) / self.num_choices for s in shares])
        self.observed = [0.0] * self.num_choices

    def log(self) -> dict[str, object]:
        """The probability of each operation."""
        names = self.space.decisions[0].choices
        return {"probabilities": dict(zip(names, self.probabilities, strict=True))}

    def state_dict(self) -> dict[str, Any]:
        """The generator, what is observed, and the probabilities."""
        own = {"observed": list(self.observed), "probabilities": list(self.probabilities)}
        return super().state_dict() | own

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        super().load_state_dict(state)
        self.observed = list(state["observed"])
        self._set(list(state["probabilities"]))

    def _set(self, probabilities: list[float]) -> None:
        self.probabilities = probabilities
        self._draw = Draw([probabilities] * len(self.space.decisions))
