"""A sweep cut into parts that run beside each other and together are the sweep, trial for trial.

A strategy whose proposals do not depend on results knows the whole sequence of its trials
beforehand, so any process can find its part of it. Archs that may share a score are in one
part: nothing is measured twice, and in each class the same trial is the one that is measured.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from search.memory import Visit
from search.meters import TableMeter, meter
from search.opening import strategy_of
from search.spaces import Arch, Space, spaces
from search.spec import TABLE, Spec
from search.strategies import Proposal, Result

_CHUNK = 4096  # proposals asked for at a time


@dataclass(frozen=True)
class Part:
    """Some trials of a sweep, in the order of their numbers.

    Attributes:
        numbers_N: which trials of the whole these are.
        archs_ND: what they look at, D choices each.
    """

    numbers_N: NDArray[np.int64]
    archs_ND: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.numbers_N)

    def number(self, place: int) -> int:
        """Which trial of the whole the one at this place is, from 0."""
        return int(self.numbers_N[place])

    def visits(self) -> list[Visit]:
        """What its trials look at."""
        return [Visit(tuple(arch)) for arch in self.archs_ND.tolist()]


def part_of(spec: Spec, part: int, of: int) -> Part:
    """One of the parts that a sweep is cut into.

    Parts have equally many classes of archs, under the equivalences that the objectives allow,
    in the order in which the sweep meets them. Which one an arch is in depends on
    nothing but the spec and the number of parts. The sequence is gone through once for each
    process and kept for the next part of the same sweep.

    Args:
        spec: of the whole sweep; :func:`search.cutting.num_slices` says which can be cut.
        part: 0 to ``of`` - 1.
        of: how many parts there are.
    """
    walk = _walk(spec.model_dump_json())
    chosen = walk.ranks_N * of // max(walk.num_classes, 1) == part
    return Part(np.flatnonzero(chosen), walk.archs_ND[chosen])


class RestOfPart:
    """Proposes the trials of a part, one after the other."""

    visits_once: ClassVar[bool] = True

    def __init__(self, part: Part) -> None:
        self._part = part
        self._next = 0

    @property
    def is_exhausted(self) -> bool:
        """Every trial of the part has been proposed."""
        return self._next >= len(self._part)

    def ask(self, n: int) -> list[Proposal]:
        """The next trials."""
        rows = self._part.archs_ND[self._next : self._next + n]
        self._next += len(rows)
        return [Proposal(tuple(arch)) for arch in rows.tolist()]

    def tell(self, results: Sequence[Result]) -> None:
        """Nothing depends on results."""

    def state_dict(self) -> dict[str, Any]:
        """How far it is."""
        return {"next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._next = state["next"]


class Classes:
    """Which archs may not be parted: those that are equal under one of some equivalences.

    The equivalences of a space are not always nested, so two archs may belong together only
    because a third one is equal to each in another way.
    """

    def __init__(self, space: Space, equivalences: Iterable[str]) -> None:
        exact, *coarser = space.equivalences
        used = set(equivalences)
        self._space = space
        self._equivalences = [name for name in coarser if name in used] or [exact]
        self._member_of: dict[str, int] = {}
        self._roots: list[int] = []

    def add(self, arch: Arch) -> None:
        """Take in the next arch."""
        place = len(self._roots)
        self._roots.append(place)
        for name in self._equivalences:
            key = f"{name} {self._space.key(arch, name)}"
            other = self._root(self._member_of.setdefault(key, place))
            first, second = sorted((other, self._root(place)))
            self._roots[second] = first

    def ranks(self) -> NDArray[np.int64]:
        """The class of every arch, numbered in the order in which they were met first."""
        roots_N = np.array([self._root(place) for place in range(len(self._roots))], np.int64)
        return np.unique(roots_N, return_inverse=True)[1].reshape(-1)

    def _root(self, place: int) -> int:
        while self._roots[place] != place:
            self._roots[place] = self._roots[self._roots[place]]
            place = self._roots[place]
        return place


@dataclass(frozen=True)
class _Walk:
    """A whole sweep: what it looks at, and which class of archs that is, by first meeting."""

    archs_ND: NDArray[np.int16]
    ranks_N: NDArray[np.int64]

    @property
    def num_classes(self) -> int:
        """How many classes it meets."""
        return int(self.ranks_N.max(initial=-1)) + 1


@lru_cache(maxsize=1)
def _walk(spec_json: str) -> _Walk:
    spec = Spec.model_validate_json(spec_json)
    space = spaces[spec.space.name]
    measured = [o for o in spec.objectives if o.metric != TABLE]
    meters = [meter(o, space=space, tables={}) for o in measured]
    classes = Classes(space, [m.equivalence for m in meters if not isinstance(m, TableMeter)])
    assert spec.budget.trials is not None, "a sweep is bounded by trials"
    left = spec.budget.trials
    strategy = strategy_of(spec, space)
    archs: list[NDArray[np.int16]] = []
    while left and (proposals := strategy.ask(min(_CHUNK, left))):
        left -= len(proposals)
        archs.append(np.array([proposal.arch for proposal in proposals], np.int16))
        for proposal in proposals:
            classes.add(proposal.arch)
    empty_0D = np.empty((0, len(space.decisions)), np.int16)
    return _Walk(np.concatenate([empty_0D, *archs]), classes.ranks())
