"""Values of a run over its steps."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.batch import MetricRow
from db.models import Base, Metric
from db.plain import finite

Series = dict[str, list[tuple[int, float | None]]]


def metrics(session: Session, job_id: int, *, since: int | None = None) -> Series:
    """(step, value) by name, steps in order; None where a value was not finite.

    Args:
        session: reads.
        job_id: of the job.
        since: only this step and later ones.
    """
    rows = (
        select(Metric.name, Metric.step, Metric.value)
        .where(Metric.job_id == job_id)
        .order_by(Metric.name, Metric.step)
    )
    if since is not None:
        rows = rows.where(Metric.step >= since)
    series: Series = {}
    for name, step, value in session.execute(rows):
        series.setdefault(name, []).append((step, value))
    return series


def add_metrics(session: Session, job_id: int, rows: Sequence[MetricRow]) -> None:
    """A step that is told again (a run that went on from its checkpoint) replaces the first."""
    values = {(row.name, row.step): {"value": finite(row.value)} for row in rows}
    put_steps(session, Metric, job_id, values)


def put_steps(
    session: Session,
    model: type[Base],
    job_id: int,
    values: dict[tuple[str, int], dict[str, Any]],
) -> None:
    """Write rows whose key is (job, name, step); one that is there already gets the new value."""
    if not values:
        return
    table = cast(Table, model.__table__)
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    statement = sqlite.insert(table) if is_sqlite else postgresql.insert(table)
    (changed,) = {column for of_step in values.values() for column in of_step}
    statement = statement.on_conflict_do_update(
        index_elements=["job_id", "name", "step"],
        set_={changed: getattr(statement.excluded, changed)},
    )
    rows = [
        {"job_id": job_id, "name": name, "step": step, **values[name, step]}
        for name, step in sorted(values)
    ]
    session.connection().execute(statement, rows)
