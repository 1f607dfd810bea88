"""Trials as a table: filtered, sorted and paged in SQL, a million of them as well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from db.columns import SCREENED
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
        text: part of the arch's key; capitals do not matter, on either database.
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
        query, number = _matching(job_id, wanted)
        numbers = window.of(session, query.order_by(number.desc() if descending else number))
    elif total > _FEW:
        numbers = _by_index(session, job_id, wanted, order, window)
    else:
        numbers = _by_sorting(session, job_id, wanted, order, window)
    return Page(_lines(session, job_id, numbers), total)


def some_trials(session: Session, job_id: int, numbers: Sequence[int]) -> list[TrialLine]:
    """The trials of these numbers, as far as the job has them."""
    return _lines(session, job_id, list(numbers)) if 0 < job_id < 2**31 and numbers else []


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
    """Where a value stands among those of a job; which end is better, the objective knows.

    Trials that were screened only do not count.
    """
    of_objective = (
        select(func.count())
        .select_from(Score)
        .where(Score.job_id == job_id, Score.objective == objective, Score.value.is_not(None))
    )
    if session.execute(select(Job.num_screened).where(Job.id == job_id)).scalar_one_or_none():
        is_it = (Trial.job_id == job_id, Trial.number == Score.number)
        of_objective = of_objective.where(~exists().where(*is_it, Trial.state == SCREENED))
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
    of_objective = select(Score.number).where(*scored, *_conditions(job_id, wanted, Score.number))
    query, number = _matching(job_id, wanted)
    is_unscored = ~exists().where(*scored, Score.number == number)
    parts = (
        of_objective.where(Score.value.is_not(None)).order_by(
            *order.of(Score.value, Score.number)
        ),
        of_objective.where(Score.value.is_(None)).order_by(Score.number),
        query.where(is_unscored).order_by(number),
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
    query, number = _matching(job_id, wanted)
    of_objective = (Score.job_id == job_id) & (Score.objective == order.objective)
    ordered = query.outerjoin(Score, of_objective & (Score.number == number)).order_by(
        Score.value.is_(None), *order.of(Score.value), number
    )
    return window.of(session, ordered)


def _num_trials(session: Session, job_id: int, wanted: TrialFilter) -> int:
    if wanted.is_empty:
        counted = select(Job.num_trials).where(Job.id == job_id)
        return session.execute(counted).scalar_one_or_none() or 0
    query, _ = _matching(job_id, wanted)
    return int(session.execute(select(func.count()).select_from(query.subquery())).scalar_one())


def _matching(job_id: int, wanted: TrialFilter) -> tuple[Select[Any], InstrumentedAttribute[int]]:
    """The numbers of trials that match, and the column they come from.

    A range is searched in the index of its objective; only without one, all trials are read.
    """
    if wanted.ranges:
        (objective, limits), *others = wanted.ranges.items()
        source = aliased(Score)
        query = select(source.number).where(*_in_range(source, job_id, objective, limits))
        rest = replace(wanted, ranges=dict(others))
        return query.where(*_conditions(job_id, rest, source.number)), source.number
    query = select(Trial.number).where(Trial.job_id == job_id)
    if wanted.numbers is not None:
        query = query.where(Trial.number.in_(wanted.numbers))
    return query.where(*_of_trial(wanted)), Trial.number


def _conditions(
    job_id: int, wanted: TrialFilter, number: InstrumentedAttribute[int]
) -> list[ColumnElement[bool]]:
    """What a trial has to meet whose number stands in a column of another table."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.numbers is not None:
        conditions.append(number.in_(wanted.numbers))
    of_trial = _of_trial(wanted)
    if of_trial:
        is_it = (Trial.job_id == job_id, Trial.number == number)
        conditions.append(exists().where(*is_it, *of_trial))
    for objective, limits in wanted.ranges.items():
        other = aliased(Score)
        in_range = _in_range(other, job_id, objective, limits)
        conditions.append(exists().where(*in_range, other.number == number))
    return conditions


def _of_trial(wanted: TrialFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.states:
        conditions.append(Trial.state.in_(wanted.states))
    if wanted.text:
        archs = select(Arch.id).where(Arch.key.icontains(wanted.text, autoescape=True))
        conditions.append(Trial.arch_id.in_(archs))
    return conditions


def _in_range(
    source: type[Score], job_id: int, objective: int, limits: tuple[float | None, float | None]
) -> list[ColumnElement[bool]]:
    low, high = limits
    conditions: list[ColumnElement[bool]] = [
        source.job_id == job_id,
        source.objective == objective,
        source.value.is_not(None),
    ]
    if low is not None:
        conditions.append(source.value >= low)
    if high is not None:
        conditions.append(source.value <= high)
    return conditions


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
