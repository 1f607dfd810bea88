"""How a part of a space is split: by every choice, by gradients, or at random.

Few-shot NAS (Zhao et al., 2021, arXiv:2006.06863), code; gradient matching (Hu et al., 2022,
arXiv:2203.15207), code.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor

from search.spaces import Space
from search.supernets.matching import (
    Floats,
    Rule,
    best_partition,
    decision_to_split,
    distances,
    gradients_at,
)
from search.supernets.mix import counts_of, onehot
from search.supernets.parts import Part, parts_by
from search.supernets.paths import draw_within
from search.supernets.supernet import Supernet

Batches = Callable[[], tuple[Tensor, Tensor]]  # images and labels, others at every call


@dataclass(frozen=True)
class Division:
    """What a part is split into.

    Attributes:
        log: why, as JSON.
    """

    parts: list[Part]
    log: dict[str, object]


class Splitter:
    """Splits parts of a space, each into equally many.

    What has to be seen before is seen batch by batch, so that a training can be left in between.
    """

    def unfit_reason(self, space: Space) -> str | None:
        """Why *space* cannot be split this way, or None when it can."""
        raise NotImplementedError

    def num_parts(self, space: Space) -> int:
        """Into how many."""
        raise NotImplementedError

    def num_looks(self, space: Space, part: Part) -> int:
        """How many batches are looked at before *part* is split."""
        return 0

    def look(
        self, net: Supernet, part: Part, number: int, batches: Batches, rng: np.random.Generator
    ) -> Tensor:
        """What one batch tells, on the CPU.

        Args:
            net: with the weights of the part's member; is not changed.
            part: what is to be split.
            number: of the look, from 0; they are taken in this order.
            batches: gives training batches.
            rng: for whatever is drawn.
        """
        raise NotImplementedError

    def __call__(
        self, space: Space, part: Part, looks: Sequence[Tensor], rng: np.random.Generator
    ) -> Division:
        """Split.

        Args:
            space: the whole.
            part: what is split.
            looks: all of them.
            rng: for whatever is drawn.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class EveryChoice(Splitter):
    """A part for each combination of choices at some decisions.

    Attributes:
        places: of the decisions.
    """

    places: tuple[int, ...]

    def unfit_reason(self, space: Space) -> str | None:
        """There are not as many decisions."""
        count = len(space.decisions)
        if max(self.places) < count:
            return None
        return f"decision number {max(self.places)} is split, but the last is number {count - 1}"

    def num_parts(self, space: Space) -> int:
        """The product of the numbers of choices."""
        return prod(counts_of(space)[place] for place in self.places)

    def __call__(
        self, space: Space, part: Part, looks: Sequence[Tensor], rng: np.random.Generator
    ) -> Division:
        """Split."""
        parts = [part]
        for place in self.places:
            parts = [p for old in parts for p in parts_by(old, place, [[k] for k in old[place]])]
        return Division(parts, {"decisions": list(self.places)})


@dataclass(frozen=True)
class TwoGroups(Splitter):
    """A part for each of two groups of the choices of one decision.

    Decisions that are split already are no candidates, nor are those of two choices.

    Attributes:
        rule: which decision is split; see :func:`~search.supernets.matching.decision_to_split`.
            With ``inter`` one group has two choices, with ``intra`` two to half of them.
        num_batches: from which the gradients of each decision are taken; other decisions are
            drawn anew for each.
        is_random: decision and groups are drawn instead, groups of a size that is allowed: a
            control.
        times: how often parts are to be split.
    """

    rule: Rule = "inter"
    num_batches: int = 100
    is_random: bool = False
    times: int = 1

    def unfit_reason(self, space: Space) -> str | None:
        """Too few decisions can be split."""
        count = sum(size > 2 for size in counts_of(space))
        if count >= self.times:
            return None
        return (
            f"{count} decisions have three choices or more, which is too few to split "
            f"{self.times} times"
        )

    def num_parts(self, space: Space) -> int:
        """Two."""
        return 2

    def num_looks(self, space: Space, part: Part) -> int:
        """A number of batches for every decision that can be split; none to split at random."""
        return 0 if self.is_random else self.num_batches * len(self._places(space, part))

    def look(
        self, net: Supernet, part: Part, number: int, batches: Batches, rng: np.random.Generator
    ) -> Tensor:
        """The distances between the choices of one decision, at random choices of the others."""
        place = self._places(net.space, part)[number // self.num_batches]
        x_BCHW, y_B = batches()
        mix = onehot(draw_within(part, net.space)(rng))
        return torch.from_numpy(distances(gradients_at(net, place, mix, x_BCHW, y_B)))

    def __call__(
        self, space: Space, part: Part, looks: Sequence[Tensor], rng: np.random.Generator
    ) -> Division:
        """Split."""
        places = self._places(space, part)
        if self.is_random:
            return self._at_random(part, places, rng)
        count = self.num_batches
        matrices: list[Floats] = [
            np.mean([look.numpy() for look in looks[count * k : count * (k + 1)]], axis=0)
            for k in range(len(places))
        ]
        found = [best_partition(m, self.sizes(len(m))) for m in matrices]
        best = decision_to_split(found, self.rule)
        place, groups = places[best], found[best].groups
        log = {
            "decision": place,
            "groups": [list(group) for group in groups],
            "distances": {str(p): m.tolist() for p, m in zip(places, matrices, strict=True)},
            "inter": {str(p): f.inter for p, f in zip(places, found, strict=True)},
            "intra": {str(p): f.intra for p, f in zip(places, found, strict=True)},
        }
        return Division(parts_by(part, place, groups), log)

    def sizes(self, count: int) -> tuple[int, ...]:
        """Which sizes the first group may have."""
        return (2,) if self.rule == "inter" else tuple(range(2, max(count // 2, 2) + 1))

    def _at_random(self, part: Part, places: list[int], rng: np.random.Generator) -> Division:
        place = places[int(rng.integers(len(places)))]
        shuffled = rng.permutation(part[place]).tolist()
        sizes = self.sizes(len(shuffled))
        size = sizes[int(rng.integers(len(sizes)))]
        groups = [sorted(shuffled[:size]), sorted(shuffled[size:])]
        return Division(parts_by(part, place, groups), {"decision": place, "groups": groups})

    def _places(self, space: Space, part: Part) -> list[int]:
        """Of the decisions that can be split."""
        counts = counts_of(space)
        return [k for k, left in enumerate(part) if len(left) > 2 and len(left) == counts[k]]
