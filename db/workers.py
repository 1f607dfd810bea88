"""Workers: what they offer, and when they were last heard of."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db import clock
from db.models import Worker

__all__ = ["Report", "Worker", "heartbeat", "hosts", "known", "living", "report", "stop"]


@dataclass(frozen=True)
class Report:
    """What a worker says of itself when it starts; the catalogue is JSON."""

    id: str
    host: str
    pid: int
    queues: Sequence[str]
    catalogue: dict[str, Any]


def report(session: Session, said: Report) -> None:
    """Write down what a worker offers; saying it again replaces what it said before."""
    values = {
        "host": said.host,
        "pid": said.pid,
        "queues": list(said.queues),
        "catalogue": said.catalogue,
        "heard_at": clock.now(),
        "stopped_at": None,
    }
    dialect = session.get_bind().dialect.name
    fresh = sqlite.insert(Worker) if dialect == "sqlite" else postgresql.insert(Worker)
    session.execute(
        fresh.values(id=said.id, started_at=clock.now(), **values).on_conflict_do_update(
            index_elements=["id"], set_=values
        )
    )


def heartbeat(session: Session, worker_id: str) -> bool:
    """Note that a worker lives; False when it is unknown here and should report again."""
    heard = session.execute(
        update(Worker.__table__)  # type: ignore[arg-type]
        .where(Worker.id == worker_id)
        .values(heard_at=clock.now(), stopped_at=None)
    )
    return bool(heard.rowcount == 1)  # type: ignore[attr-defined]


def stop(session: Session, worker_id: str) -> None:
    """Note that a worker has stopped in good order."""
    session.execute(
        update(Worker.__table__)  # type: ignore[arg-type]
        .where(Worker.id == worker_id)
        .values(stopped_at=clock.now())
    )


def living(session: Session, *, within_s: float = 60.0) -> Sequence[Worker]:
    """Workers that were heard of within this time and have not stopped, oldest first."""
    alive = _newest().where(Worker.stopped_at.is_(None), Worker.heard_at > clock.after(-within_s))
    return session.scalars(alive.order_by(None).order_by(Worker.started_at, Worker.id)).all()


def known(session: Session, *, limit: int = 100) -> Sequence[Worker]:
    """Every worker that ever reported, the one heard of last first."""
    return session.scalars(_newest().limit(limit)).all()


def hosts(session: Session, ids: Collection[str]) -> dict[str, str]:
    """On which machine each of these workers runs or ran; unknown ones are left out."""
    found = session.scalars(select(Worker).where(Worker.id.in_(ids)))
    return {worker.id: worker.host for worker in found}


def _newest() -> Select[Any]:
    query = select(Worker).order_by(Worker.heard_at.desc(), Worker.id)
    return query.execution_options(populate_existing=True)
