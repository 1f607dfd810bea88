"""Trials as a table: filtered, sorted and paged in SQL, a million of them as well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from db.errors import NotFound
from db.job_list import Page
from db.models import Arch, Job, Score, Trial

_FEW = 20_000  # trials that are sorted faster than an index is searched for them


@dataclass(frozen=True)
class ScoreLine:
    """A score in a table."""

    objective: int
    kind: str
    status: str
    value: float | None
    seconds: float
    from_memory: bool
    details: dict[str, Any] | None
    provenance_id: str | None


@dataclass(frozen=True)
class TrialLine:
    """A trial in a table, with its arch and its scores by place of the objective."""

    number: int
    arch_id: str
    arch_key: str
    choices: tuple[int, ...]
    state: str
    parents: tuple[int, ...]
    violation: float
    clock_s: float | None
    created_at: datetime
    scores: Mapping[int, ScoreLine]


@dataclass(frozen=True)
class TrialFilter:
    """Which trials; what is left out does not matter.

    Attributes:
        numbers: only these.
        ranges: lowest and highest value by place of the objective; None is open.
        text: part of the arch's key.
    """

    states: tuple[str, ...] = ()
    numbers: tuple[int, ...] | None = None
    ranges: Mapping[int, tuple[float | None, float | None]] = field(default_factory=dict)
    text: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether every trial matches."""
        return self == TrialFilter()


@dataclass(frozen=True)
class Standing:
    """How many ok values of an objective in a job are below, equal to and above one value."""

    below: int
    equal: int
    above: int


def trials_page(  # noqa: PLR0913
    session: Session,
    job_id: int,
    wanted: TrialFilter | None = None,
    *,
    sort: int | None = None,
    descending: bool = False,
    page: int = 1,
    per_page: int = 50,
) -> Page[TrialLine]:
    """One page of a job's trials, the first being page 1.

    *sort* is the place of an objective in the spec, whose missing values come last in both
    directions; None sorts by number.
    """
    wanted = wanted or TrialFilter()
    order = None if sort is None else _Order(sort, descending)
    window = _Window((max(page, 1) - 1) * per_page, per_page)
    total = _num_trials(session, job_id, wanted)
    if order is None:
        query = _matching(select(Trial.number), job_id, wanted)
        query = query.order_by(Trial.number.desc() if descending else Trial.number)
        numbers = window.of(session, query)
    elif total > _FEW:
        numbers = _by_index(session, job_id, wanted, order, window)
    else:
        numbers = _by_sorting(session, job_id, wanted, order, window)
    return Page(_lines(session, job_id, numbers), total)


def trial(session: Session, job_id: int, number: int) -> TrialLine:
    """One trial.

    Raises:
        NotFound: the job has none of this number.
    """
    is_possible = 0 < job_id < 2**31 and 0 <= number < 2**31
    lines = _lines(session, job_id, [number]) if is_possible else []
    if not lines:
        raise NotFound(f"job {job_id} has no trial {number}")
    return lines[0]


def standing(session: Session, job_id: int, objective: int, value: float) -> Standing:
    """Where a value stands among those of a job; which end is better, the objective knows."""
    of_objective = (
        select(func.count())
        .select_from(Score)
        .where(Score.job_id == job_id, Score.objective == objective, Score.value.is_not(None))
    )
    num = session.execute(of_objective).scalar_one()
    below = session.execute(of_objective.where(Score.value < value)).scalar_one()
    above = session.execute(of_objective.where(Score.value > value)).scalar_one()
    return Standing(below, num - below - above, above)


@dataclass(frozen=True)
class _Order:
    objective: int
    descending: bool

    def of(self, *columns: Any) -> list[Any]:  # noqa: ANN401
        """These columns, all in the same direction: so an index can be read backwards."""
        return [column.desc() if self.descending else column for column in columns]


@dataclass(frozen=True)
class _Window:
    offset: int
    limit: int

    def of(self, session: Session, query: Select[Any]) -> list[int]:
        return list(session.scalars(query.limit(self.limit).offset(self.offset)))

    def after(self, num_before: int, num_shown: int) -> "_Window":
        """What is left to show when so many rows come before."""
        return _Window(max(self.offset - num_before, 0), self.limit - num_shown)


def _by_index(
    session: Session, job_id: int, wanted: TrialFilter, order: _Order, window: _Window
) -> list[int]:
    """Numbers read off the index of an objective, then trials without a value, then a score."""
    scored = (Score.job_id == job_id, Score.objective == order.objective)
    of_objective = select(Score.number).where(*scored)
    if not wanted.is_empty:
        of_objective = _matching(
            of_objective.join(Trial, Trial.number == Score.number), job_id, wanted
        )
    has_score = exists().where(*scored, Score.number == Trial.number)
    parts = (
        of_objective.where(Score.value.is_not(None)).order_by(
            *order.of(Score.value, Score.number)
        ),
        of_objective.where(Score.value.is_(None)).order_by(Score.number),
        _matching(select(Trial.number), job_id, wanted).where(~has_score).order_by(Trial.number),
    )
    numbers: list[int] = []
    for part in parts:
        shown = window.of(session, part)
        numbers += shown
        if len(shown) == window.limit or part is parts[-1]:
            break
        counted = select(func.count()).select_from(part.order_by(None).subquery())
        window = window.after(session.execute(counted).scalar_one(), len(shown))
    return numbers


def _by_sorting(
    session: Session, job_id: int, wanted: TrialFilter, order: _Order, window: _Window
) -> list[int]:
    """Numbers of the few trials that match, looked up and then sorted."""
    query = select(Trial.number).outerjoin(
        Score,
        (Score.job_id == job_id)
        & (Score.objective == order.objective)
        & (Score.number == Trial.number),
    )
    ordered = _matching(query, job_id, wanted).order_by(
        Score.value.is_(None), *order.of(Score.value), Trial.number
    )
    return window.of(session, ordered)


def _num_trials(session: Session, job_id: int, wanted: TrialFilter) -> int:
    if wanted.is_empty:
        counted = select(Job.num_trials).where(Job.id == job_id)
        return session.execute(counted).scalar_one_or_none() or 0
    query = _matching(select(func.count(Trial.number)), job_id, wanted)
    return int(session.execute(query).scalar_one())


def _matching(query: Select[Any], job_id: int, wanted: TrialFilter) -> Select[Any]:
    query = query.where(Trial.job_id == job_id)
    if wanted.states:
        query = query.where(Trial.state.in_(wanted.states))
    if wanted.numbers is not None:
        query = query.where(Trial.number.in_(wanted.numbers))
    if wanted.text:
        query = query.join(Arch, Arch.id == Trial.arch_id)
        query = query.where(Arch.key.contains(wanted.text, autoescape=True))
    for objective, limits in wanted.ranges.items():
        query = query.where(_is_in_range(job_id, objective, limits))
    return query


def _is_in_range(
    job_id: int, objective: int, limits: tuple[float | None, float | None]
) -> ColumnElement[bool]:
    other, (low, high) = aliased(Score), limits
    conditions: list[ColumnElement[bool]] = [other.value.is_not(None)]
    if low is not None:
        conditions.append(other.value >= low)
    if high is not None:
        conditions.append(other.value <= high)
    of_trial = (other.job_id == job_id, other.objective == objective)
    return exists().where(*of_trial, other.number == Trial.number, *conditions)


def _lines(session: Session, job_id: int, numbers: Sequence[int]) -> list[TrialLine]:
    """The trials of these numbers, in this order."""
    scores: dict[int, dict[int, ScoreLine]] = {number: {} for number in numbers}
    num_objectives = select(func.max(Score.objective)).where(Score.job_id == job_id)
    last = session.execute(num_objectives).scalar_one()
    found = select(
        Score.number,
        Score.objective,
        Score.kind,
        Score.status,
        Score.value,
        Score.seconds,
        Score.from_memory,
        Score.details,
        Score.provenance_id,
    ).where(
        Score.job_id == job_id,
        Score.objective.in_(range(-1 if last is None else last + 1)),
        Score.number.in_(numbers),
    )
    for number, *rest in session.execute(found):
        scores[number][rest[0]] = ScoreLine(*rest)
    rows = session.execute(
        select(
            Trial.number,
            Trial.arch_id,
            Arch.key,
            Arch.choices,
            Trial.state,
            Trial.parents,
            Trial.violation,
            Trial.clock_s,
            Trial.created_at,
        )
        .join(Arch, Arch.id == Trial.arch_id)
        .where(Trial.job_id == job_id, Trial.number.in_(numbers))
    )
    lines = {
        row.number: TrialLine(
            number=row.number,
            arch_id=row.arch_id,
            arch_key=row.key,
            choices=tuple(row.choices),
            state=row.state,
            parents=tuple(row.parents),
            violation=row.violation,
            clock_s=row.clock_s,
            created_at=row.created_at,
            scores=scores[row.number],
        )
        for row in rows
    }
    return [lines[number] for number in numbers if number in lines]
