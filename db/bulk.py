"""Many rows by the driver's own hand: per row, SQLAlchemy costs more than SQLite does."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import Base, UtcDateTime


def insert_rows(
    session: Session,
    model: type[Base],
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    unless_known: bool = False,
) -> None:
    """Insert rows of values that the driver understands (JSON as text, times by instant()).

    With *unless_known*, rows whose key is there already are passed over.
    """
    if not rows:
        return
    mark = "?" if session.get_bind().dialect.name == "sqlite" else "%s"
    statement = (
        f"INSERT INTO {model.__tablename__} ({', '.join(columns)})"
        f" VALUES ({', '.join([mark] * len(columns))})"
        f"{' ON CONFLICT DO NOTHING' if unless_known else ''}"
    )
    session.connection().exec_driver_sql(statement, list(rows))


def instant(session: Session, at: datetime) -> Any:  # noqa: ANN401
    """A time as the driver takes it."""
    dialect = session.get_bind().dialect
    bind = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)
    return at if bind is None else bind(at)
