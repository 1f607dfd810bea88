"""Trials as a table: filtered, sorted and paged in SQL, a million of them as well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from db.errors import NotFound
from db.job_list import Page
from db.models import Arch, Job, Score, Trial


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
    offset = (max(page, 1) - 1) * per_page
    total = _num_trials(session, job_id, wanted)
    if sort is None:
        query = _matching(select(Trial.number), job_id, wanted)
        order = Trial.number.desc() if descending else Trial.number.asc()
        numbers = session.scalars(query.order_by(order).limit(per_page).offset(offset)).all()
    else:
        numbers = _sorted(session, job_id, wanted, sort, descending, offset, per_page, total)
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


def _sorted(  # noqa: PLR0913
    session: Session,
    job_id: int,
    wanted: TrialFilter,
    objective: int,
    descending: bool,
    offset: int,
    limit: int,
    total: int,
) -> list[int]:
    """Numbers in the order of an objective: read off its index, then those without a value."""
    has_value = (Score.job_id == job_id) & (Score.objective == objective)
    has_value &= Score.value.is_not(None)
    query = select(Score.number).where(has_value)
    if not wanted.is_empty:
        query = _matching(
            query.join(Trial, (Trial.job_id == job_id) & (Trial.number == Score.number)),
            job_id,
            wanted,
        )
    order = (Score.value, Score.number)
    ordered = query.order_by(*(column.desc() if descending else column for column in order))
    numbers = list(session.scalars(ordered.limit(limit).offset(offset)))
    if len(numbers) == limit or offset + len(numbers) >= total:
        return numbers
    num_ok = session.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    is_missing = ~exists().where(has_value, Score.number == Trial.number)
    missing = _matching(select(Trial.number), job_id, wanted).where(is_missing)
    rest = missing.order_by(Trial.number).limit(limit - len(numbers))
    numbers += session.scalars(rest.offset(max(offset - num_ok, 0)))
    return numbers


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
    for objective, (low, high) in wanted.ranges.items():
        query = query.where(Trial.number.in_(_in_range(job_id, objective, low, high)))
    return query


def _in_range(job_id: int, objective: int, low: float | None, high: float | None) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [Score.value.is_not(None)]
    if low is not None:
        conditions.append(Score.value >= low)
    if high is not None:
        conditions.append(Score.value <= high)
    return select(Score.number).where(
        Score.job_id == job_id, Score.objective == objective, *conditions
    )


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
