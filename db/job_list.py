"""The list of jobs: filtered, sorted and paged in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.models import Job, JobState, Project

Row = TypeVar("Row")

SORTABLE: dict[str, InstrumentedAttribute[Any]] = {
    "id": Job.id,
    "name": Job.name,
    "space": Job.space,
    "strategy": Job.strategy,
    "state": Job.state,
    "owner": Job.owner,
    "created_at": Job.created_at,
    "started_at": Job.started_at,
    "finished_at": Job.finished_at,
    "num_trials": Job.num_trials,
    "progress": Job.progress,
}


@dataclass(frozen=True)
class JobFilter:
    """Which jobs; what is left out does not matter.

    Attributes:
        text: part of the name, upper and lower case alike; or the number of a job.
        cloned_from: the job that they were made from.
    """

    text: str = ""
    states: tuple[JobState, ...] = ()
    space: str | None = None
    strategy: str | None = None
    owner: str | None = None
    project: str | None = None
    group: str | None = None
    cloned_from: int | None = None


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a longer list, and how long the list is."""

    rows: Sequence[Row]
    total: int


@dataclass(frozen=True)
class Group:
    """Jobs that were submitted together."""

    id: str
    name: str
    num_jobs: int
    states: dict[JobState, int]


def jobs_page(
    session: Session,
    wanted: JobFilter | None = None,
    *,
    sort: str = "created_at",
    descending: bool = True,
    page: int = 1,
    per_page: int = 50,
) -> Page[Job]:
    """One page of the list, the first being page 1.

    Raises:
        ValueError: there is no sorting by this column.
    """
    if sort not in SORTABLE:
        raise ValueError(f"jobs cannot be sorted by {sort}; choose of {', '.join(SORTABLE)}")
    column = SORTABLE[sort]
    order = (column.desc(), Job.id.desc()) if descending else (column.asc(), Job.id.asc())
    missing_last = [column.is_(None)] if sort in ("started_at", "finished_at") else []
    query = (
        select(Job)
        .where(*_conditions(wanted))
        .order_by(*missing_last, *order)
        .limit(per_page)
        .offset((max(page, 1) - 1) * per_page)
        .execution_options(populate_existing=True)
    )
    return Page(session.scalars(query).all(), num_jobs(session, wanted))


def num_jobs(session: Session, wanted: JobFilter | None = None) -> int:
    """How many jobs match."""
    counted = select(func.count(Job.id)).where(*_conditions(wanted))
    return session.execute(counted).scalar_one()


def counts_by_state(session: Session, wanted: JobFilter | None = None) -> dict[JobState, int]:
    """How many of the matching jobs are in each state; states without a job are left out."""
    counted = select(Job.state, func.count(Job.id)).where(*_conditions(wanted))
    rows = session.execute(counted.group_by(Job.state))
    return {state: number for state, number in rows}  # noqa: C416


def groups(session: Session, *, limit: int = 50) -> list[Group]:
    """The newest groups."""
    newest = (
        select(Job.group_id, func.min(Job.name), func.count(Job.id))
        .where(Job.group_id.is_not(None))
        .group_by(Job.group_id)
        .order_by(func.max(Job.id).desc())
        .limit(limit)
    )
    return [
        Group(group or "", name, number, counts_by_state(session, JobFilter(group=group)))
        for group, name, number in session.execute(newest)
    ]


def distinct_values(session: Session, column: str) -> list[str]:
    """What occurs in a column (space, strategy or owner), for the choices of a filter."""
    if column not in ("space", "strategy", "owner"):
        raise ValueError(f"jobs are not filtered by {column}")
    return list(session.scalars(select(SORTABLE[column]).distinct().order_by(SORTABLE[column])))


def _conditions(wanted: JobFilter | None) -> list[ColumnElement[bool]]:
    wanted = wanted or JobFilter()
    equal = {
        Job.space: wanted.space,
        Job.strategy: wanted.strategy,
        Job.owner: wanted.owner,
        Job.group_id: wanted.group,
        Job.cloned_from: wanted.cloned_from,
    }
    conditions: list[ColumnElement[bool]] = [
        Job.parent_id.is_(None),  # slices are not submitted: nobody looks for them
        *(column == value for column, value in equal.items() if value is not None),
    ]
    if wanted.states:
        conditions.append(Job.state.in_(wanted.states))
    if wanted.project is not None:
        project = select(Project.id).where(Project.name == wanted.project).scalar_subquery()
        conditions.append(Job.project_id == project)
    if wanted.text.strip():
        conditions.append(_contains(wanted.text.strip()))
    return conditions


def _contains(text: str) -> ColumnElement[bool]:
    by_name = Job.name.icontains(text, autoescape=True)
    number = text.removeprefix("#")
    is_number = number.isascii() and number.isdigit() and len(number) < 10
    return or_(by_name, Job.id == int(number)) if is_number else by_name
