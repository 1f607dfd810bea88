"""Strategies: what to look at next. Pure of torch, database and clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from search.registry import Registry
from search.spaces import Arch, Space


@dataclass(frozen=True, slots=True)
class Proposal:
    """An arch to look at.

    Attributes:
        arch: the arch.
        parents: numbers of the trials that it was made from.
        only: places of the objectives to score, ascending; None for all. A trial that scores
            only some is *screened*: it is on no front, and no budget of trials counts it.
    """

    arch: Arch
    parents: tuple[int, ...] = ()
    only: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a proposal, in the form that strategies compare.

    Attributes:
        number: of the trial.
        arch: the arch that was proposed.
        values: one for each objective, turned so that lower is better; None where there is no
            value (failed, undefined, not applicable or not asked for).
        violation: sum of relative constraint violations of what was scored, 0 when feasible;
            None when a value that a constraint speaks of is missing.
        only: what the proposal said: places of the objectives that were scored, None for all.
    """

    number: int
    arch: Arch
    values: tuple[float | None, ...]
    violation: float | None = 0.0
    only: tuple[int, ...] | None = None


class Strategy(Protocol):
    """Proposes archs and learns from what came of them.

    The run asks, evaluates, tells, and asks again. The sequence of proposals does not depend on
    how many are asked for at a time nor on how results are split over calls of ``tell``; a
    strategy that must wait for results returns fewer than it was asked for.
    """

    visits_once: ClassVar[bool]
    """No arch is proposed twice, so that the size of the space bounds the number of trials."""

    def __init__(self, space: Space, rng: np.random.Generator, /, *_: Any, **params: Any) -> None:  # noqa: ANN401
        """Keyword arguments are the parameters, each with a default."""

    @property
    def is_exhausted(self) -> bool:
        """There is nothing left to propose, whatever results are still to come."""

    def ask(self, n: int) -> list[Proposal]:
        """Up to *n* proposals; empty when exhausted or when results must be told first."""

    def tell(self, results: Sequence[Result]) -> None:
        """Take in what came of proposals, in the order in which they were proposed."""

    def state_dict(self) -> dict[str, Any]:
        """JSON from which an equal strategy goes on; no larger after a million trials."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from *state*, proposals that have been asked but not told included."""


strategies: Registry[type[Strategy]] = Registry(__name__)
