"""A sweep cut into parts that run beside each other and together are the sweep, trial for trial.

A strategy whose proposals do not depend on results can be gone through by any process, which
finds its part of it. Archs that may share a score are in one part: nothing is measured twice,
and in each class the same trial is the one that is measured.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import count, islice
from typing import Any, ClassVar

from search.memory import Visit
from search.meters import TableMeter, meter
from search.opening import strategy_of
from search.spaces import Arch, Space, spaces
from search.spec import TABLE, Spec
from search.strategies import Proposal, Result, remark_of, strategies

_CHUNK = 256  # proposals asked for at a time


class Part:
    """Some trials of a sweep, in the order of their numbers.

    They are found as they are asked for: the sweep is gone through as far as it must be.

    Args:
        walk: through the whole sweep.
        part: which part, from 0.
    """

    def __init__(self, walk: "_Walk", part: int) -> None:
        self._walk = walk
        self._part = part

    def number(self, place: int) -> int:
        """Which trial of the whole the one at this place is, from 0."""
        return self._walk.known(self._part, place + 1)[0][place]

    def archs(self, start: int, num: int) -> list[Arch]:
        """What the trials from this place on look at; fewer where the part ends."""
        numbers, choices = self._walk.known(self._part, start + num)
        size = self._walk.num_decisions
        return [
            tuple(choices[size * place : size * (place + 1)])
            for place in range(start, min(start + num, len(numbers)))
        ]

    def visits(self) -> Iterator[Visit]:
        """What its trials look at."""
        for place in count():
            archs = self.archs(place, 1)
            if not archs:
                return
            yield Visit(archs[0])

    @property
    def num_expected(self) -> int:
        """How many trials it has; an estimate until the sweep has been gone through."""
        return self._walk.num_expected(self._part)

    @property
    def remark(self) -> str:
        """What the strategy of the whole has to say; the first part says it for all."""
        return self._walk.remark if self._part == 0 else ""


def part_of(spec: Spec, part: int, of: int) -> Part:
    """One of the parts that a sweep is cut into.

    Classes of archs, under the equivalences that the objectives allow, are dealt out to the parts
    in the order in which the sweep meets them. Which part an arch is in depends on nothing but
    the spec and the number of parts. What has been gone through is kept in this process for the
    next part of the same sweep.

    Args:
        spec: of the whole sweep; :func:`search.cutting.num_slices` says which can be cut.
        part: 0 to ``of`` - 1.
        of: how many parts there are.
    """
    return Part(_walk(spec.model_dump_json(), of), part)


class RestOfPart:
    """Proposes the trials of a part, one after the other."""

    visits_once: ClassVar[bool] = True

    def __init__(self, part: Part) -> None:
        self._part = part
        self._next = 0

    @property
    def is_exhausted(self) -> bool:
        """Every trial of the part has been proposed."""
        return not self._part.archs(self._next, 1)

    @property
    def remark(self) -> str:
        """What the strategy of the whole sweep has to say."""
        return self._part.remark

    def ask(self, n: int) -> list[Proposal]:
        """The next trials."""
        archs = self._part.archs(self._next, n)
        self._next += len(archs)
        return [Proposal(arch) for arch in archs]

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
        self._space = space
        self._equivalences = list(equivalences)
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

    def ranks(self) -> list[int]:
        """The class of every arch, numbered in the order in which they were met first."""
        known: dict[int, int] = {}
        roots = (self._root(place) for place in range(len(self._roots)))
        return [known.setdefault(root, len(known)) for root in roots]

    def _root(self, place: int) -> int:
        while self._roots[place] != place:
            self._roots[place] = self._roots[self._roots[place]]
            place = self._roots[place]
        return place


class _Walk:
    """A way through a whole sweep: what it looks at, and in which part that is."""

    def __init__(self, spec: Spec, of: int) -> None:
        assert spec.budget.trials is not None, "a sweep is bounded by trials"
        space = spaces[spec.space.name]
        self.num_decisions = len(space.decisions)
        self._strategy = strategy_of(spec, space)
        self._most = min(spec.budget.trials, space.size)
        self._num_walked = 0
        self._archs = islice(self._proposed(), spec.budget.trials)
        self._ranked = _ranked(self._archs, space, _shared(spec, space))
        self._is_over = False
        self._parts = [(array("q"), array("h")) for _ in range(of)]

    @property
    def remark(self) -> str:
        """What the strategy has to say."""
        return remark_of(self._strategy)

    def known(self, part: int, num: int) -> tuple["array[int]", "array[int]"]:
        """Numbers and choices of a part's trials: so many at least, or all that there are."""
        numbers, choices = self._parts[part]
        while len(numbers) < num and not self._is_over:
            self._go_on()
        return numbers, choices

    def num_expected(self, part: int) -> int:
        """So many trials as this part will have, if the rest is like what is known."""
        num = len(self._parts[part][0])
        if self._is_over or not num:
            return num if self._is_over else -(-self._most // len(self._parts))
        return round(num * self._most / self._num_walked)

    def _go_on(self) -> None:
        """Find out about the next trial."""
        found = next(self._ranked, None)
        if found is None:
            self._is_over = True
            return
        arch, rank = found
        numbers, choices = self._parts[rank % len(self._parts)]
        numbers.append(self._num_walked)
        choices.extend(arch)
        self._num_walked += 1

    def _proposed(self) -> Iterator[Arch]:
        while proposals := self._strategy.ask(_CHUNK):
            yield from [proposal.arch for proposal in proposals]


@lru_cache(maxsize=1)
def _walk(spec_json: str, of: int) -> _Walk:
    return _Walk(Spec.model_validate_json(spec_json), of)


def _shared(spec: Spec, space: Space) -> list[str]:
    """The equivalences under which archs of the sweep may share a score."""
    measured = [o for o in spec.objectives if o.metric != TABLE]
    meters = [meter(o, space=space, tables={}) for o in measured]
    used = {m.equivalence for m in meters if not isinstance(m, TableMeter)}
    exact, *coarser = space.equivalences
    found = [name for name in coarser if name in used]
    if found:
        return found
    return [] if strategies[spec.strategy.name].visits_once else [exact]


def _ranked(
    archs: Iterator[Arch], space: Space, equivalences: Sequence[str]
) -> Iterator[tuple[Arch, int]]:
    """Every arch with the number of its class.

    Only where several equivalences play together, all archs have to be known before the first.
    """
    if not equivalences:
        return zip(archs, count(), strict=False)
    if len(equivalences) == 1:
        return _by_key(archs, space, equivalences[0])
    return _joined(list(archs), space, equivalences)


def _by_key(archs: Iterator[Arch], space: Space, equivalence: str) -> Iterator[tuple[Arch, int]]:
    ranks: dict[str, int] = {}
    for arch in archs:
        yield arch, ranks.setdefault(space.key(arch, equivalence), len(ranks))


def _joined(
    archs: Sequence[Arch], space: Space, equivalences: Sequence[str]
) -> Iterator[tuple[Arch, int]]:
    classes = Classes(space, equivalences)
    for arch in archs:
        classes.add(arch)
    return zip(archs, classes.ranks(), strict=True)
