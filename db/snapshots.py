"""What runs looked like at a step, where a number is not enough: as they tell it, as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.batch import LogRow, SnapshotRow
from db.metrics import put_steps
from db.models import Snapshot
from db.plain import clean, finite, spelled_out, to_json

MAX_SNAPSHOT_MB = 4


@dataclass(frozen=True)
class Told:
    """One snapshot."""

    step: int
    content: dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """The snapshots of one name: how many there are, and the step of the last."""

    num: int
    last_step: int


def snapshots(
    session: Session, job_id: int, name: str, *, since: int | None = None, limit: int = 1000
) -> list[Told]:
    """The snapshots of this name, by step.

    Args:
        session: reads.
        job_id: of the job.
        name: such as ``ranking``.
        since: only this step and later ones.
        limit: the first ones; go on from the step after the last.
    """
    rows = (
        select(Snapshot.step, Snapshot.content)
        .where(Snapshot.job_id == job_id, Snapshot.name == clean(name))
        .order_by(Snapshot.step)
        .limit(limit)
    )
    if since is not None:
        rows = rows.where(Snapshot.step >= since)
    return [Told(*row) for row in session.execute(rows)]


def last_snapshot(session: Session, job_id: int, name: str) -> Told | None:
    """The latest of this name; None while there is none."""
    row = session.execute(
        select(Snapshot.step, Snapshot.content)
        .where(Snapshot.job_id == job_id, Snapshot.name == clean(name))
        .order_by(Snapshot.step.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else Told(*row)


def snapshot_names(session: Session, job_id: int) -> dict[str, Kept]:
    """What there is of a job, by name."""
    rows = session.execute(
        select(Snapshot.name, func.count(), func.max(Snapshot.step))
        .where(Snapshot.job_id == job_id)
        .group_by(Snapshot.name)
        .order_by(Snapshot.name)
    )
    return {name: Kept(num, last_step) for name, num, last_step in rows}


def add_snapshots(session: Session, job_id: int, rows: Sequence[SnapshotRow]) -> list[LogRow]:
    """Write them; one that is told again replaces the first.

    Returns:
        What to tell people: those that are too large are left out.
    """
    values, left_out = {}, []
    for row in rows:
        content = spelled_out(row.content, finite)
        size_mb = len(to_json(content)) / 2**20
        if size_mb > MAX_SNAPSHOT_MB:
            left_out.append(LogRow("warning", _too_large(row, size_mb)))
        else:
            values[row.name, row.step] = {"content": content}
    put_steps(session, Snapshot, job_id, values)
    return left_out


def _too_large(row: SnapshotRow, size_mb: float) -> str:
    return (
        f"the snapshot {row.name} of step {row.step} takes {size_mb:.1f} MB, more than the "
        f"{MAX_SNAPSHOT_MB} MB that one may take: it was left out"
    )
