"""Imported benchmarks: published values by architecture, whole files as Parquet."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db import clock
from db.errors import InUse, NameTaken, NotFound, TooLarge
from db.models import Benchmark, Job
from db.projects import project_id
from db.transitions import UNFINISHED

MAX_CONTENT_MB = 256


@dataclass(frozen=True)
class NewBenchmark:
    """A benchmark before it is imported.

    Attributes:
        info: JSON: columns with unit and direction, the clock, the source file.
        content: the values, as Parquet.
    """

    name: str
    space: str
    info: dict[str, Any]
    num_archs: int
    digest: str
    content: bytes
    owner: str = "local"
    project: str = "default"


def add_benchmark(session: Session, new: NewBenchmark) -> Benchmark:
    """Import a benchmark, all of it.

    Raises:
        TooLarge: it is larger than MAX_CONTENT_MB.
        NameTaken: there is one of this name.
    """
    size_mb = len(new.content) / 2**20
    if size_mb > MAX_CONTENT_MB:
        raise TooLarge(
            f"benchmark {new.name} takes {size_mb:.0f} MB, more than the {MAX_CONTENT_MB} MB "
            "that one may take: leave out columns that are not needed"
        )
    values = {name: value for name, value in vars(new).items() if name != "project"}
    added = Benchmark(
        **values, project_id=project_id(session, new.project), created_at=clock.now()
    )
    session.add(added)
    try:
        session.flush()
    except IntegrityError:
        raise NameTaken(
            f"there is a benchmark named {new.name} already: choose another name or remove it"
        ) from None
    session.refresh(added)
    return added


def benchmarks(session: Session) -> Sequence[Benchmark]:
    """Every imported benchmark by name, without the values."""
    return session.scalars(select(Benchmark).order_by(Benchmark.name)).all()


def benchmark_content(session: Session, name: str) -> bytes:
    """The values of a benchmark, as Parquet.

    Raises:
        NotFound: there is none of this name.
    """
    content = session.scalars(
        select(Benchmark.content).where(Benchmark.name == name)
    ).one_or_none()
    if content is None:
        raise NotFound(f"there is no benchmark named {name}")
    return content


def remove_benchmark(session: Session, name: str) -> None:
    """Remove a benchmark. Scores that were looked up in it stay.

    Raises:
        NotFound: there is none of this name.
        InUse: a job that has not ended looks values up in it.
    """
    found = session.scalars(select(Benchmark).where(Benchmark.name == name)).one_or_none()
    if found is None:
        raise NotFound(f"there is no benchmark named {name}")
    users = _unfinished_users(session, name)
    if users:
        numbers = ", ".join(map(str, users[:10]))
        raise InUse(f"benchmark {name} is still needed by job {numbers}: cancel that first")
    session.execute(delete(Benchmark).where(Benchmark.id == found.id))


def _unfinished_users(session: Session, name: str) -> list[int]:
    rows = session.execute(
        select(Job.id, Job.spec["objectives"].label("objectives"))
        .where(Job.state.in_(UNFINISHED))
        .order_by(Job.id)
    )
    quoted = json.dumps(name)
    return [row.id for row in rows if f'"table": {quoted}' in json.dumps(row.objectives)]
