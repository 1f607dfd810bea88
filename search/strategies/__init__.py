"""Strategies: what to look at next. Pure of torch, database and clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

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


@runtime_checkable
class Beginner(Strategy, Protocol):
    """A strategy whose first archs are drawn at random, unless it is given better ones."""

    def begin_with(self, archs: Sequence[Arch]) -> None:
        """Draw the first archs from these, in their order; called before anything is asked."""


@runtime_checkable
class Remarking(Protocol):
    """A strategy that may be unable to work as it should."""

    @property
    def remark(self) -> str:
        """What people should know about it now; empty when there is nothing."""


def remark_of(strategy: Strategy) -> str:
    """What a strategy has to say, if it ever says anything."""
    return strategy.remark if isinstance(strategy, Remarking) else ""


def is_independent(strategy: type[Strategy]) -> bool:
    """Whether its proposals do not depend on results, so that a sweep with it can be cut.

    A strategy says so by a class attribute ``is_independent = True``.
    """
    return bool(getattr(strategy, "is_independent", False))


def unfit_reason(strategy: type[Strategy], space: Space) -> str | None:
    """Why a strategy cannot search *space*, or None when it can.

    A strategy that needs more of a space than the others says so by a class method of this name.
    """
    reason_of = getattr(strategy, "unfit_reason", None)
    reason: str | None = reason_of(space) if reason_of else None
    return reason


def takes_warm_start(strategy: type[Strategy]) -> bool:
    """Whether it can begin with archs that it is given."""
    return hasattr(strategy, "begin_with")


strategies: Registry[type[Strategy]] = Registry(__name__)
