"""The database's own clock: leases and histories never depend on the clock of a host."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from db.models import UtcDateTime


class _Instant(FunctionElement[datetime]):
    """The present, and so many seconds after it."""

    name = "instant"
    inherit_cache = True
    type = UtcDateTime()


@compiles(_Instant, "sqlite")
def _on_sqlite(element: _Instant, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401
    seconds = compiler.process(element.clauses, **kw)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', ({seconds}) || ' seconds') || '000')"


@compiles(_Instant, "postgresql")
def _on_postgresql(element: _Instant, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401
    seconds = compiler.process(element.clauses, **kw)
    return f"(clock_timestamp() + make_interval(secs => ({seconds})))"


def now() -> FunctionElement[datetime]:
    """The present, as an SQL expression."""
    return after(0.0)


def after(seconds: float) -> FunctionElement[datetime]:
    """So many seconds from now (before now when negative), as an SQL expression."""
    return _Instant(literal(float(seconds), Float(53)))


def read_clock(session: Session) -> datetime:
    """What the database's clock shows."""
    return session.execute(select(now())).scalar_one()
