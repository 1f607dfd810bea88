"""Files that jobs have made. The record knows them by digest; they lie in the data folder."""

import re
from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from db import clock
from db.batch import ArtifactRow
from db.errors import InUse, NotFound
from db.models import Artifact, Job, Project
from db.plain import clean, spelled_out
from db.transitions import UNFINISHED

CHECKPOINT = "checkpoint"
_DIGEST = re.compile(r"[0-9a-f]{32}", re.ASCII)


def artifacts(session: Session, job_id: int) -> Sequence[Artifact]:
    """What a job has made, in order."""
    return session.scalars(
        select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.place)
    ).all()


def artifact(session: Session, digest: str) -> Artifact:
    """The file of this digest, as the first job that made it describes it.

    Raises:
        NotFound: no job has made it.
    """
    if not _DIGEST.fullmatch(digest):
        raise NotFound(f"{clean(digest)[:40]!r} is no digest: that is 32 hexadecimal digits")
    found = session.scalars(
        select(Artifact)
        .where(Artifact.digest == digest)
        .order_by(Artifact.job_id, Artifact.place)
        .limit(1)
    ).one_or_none()
    if found is None:
        raise NotFound(f"there is no artifact {digest}")
    return found


def checkpoints(session: Session, *, project: str = "default") -> list[Artifact]:
    """Every trained supernet of a project once, newest first."""
    rows = session.scalars(
        select(Artifact)
        .join(Job, Job.id == Artifact.job_id)
        .join(Project, Project.id == Job.project_id)
        .where(Artifact.kind == CHECKPOINT, Project.name == project)
        .order_by(Artifact.job_id, Artifact.place)
    )
    first: dict[str, Artifact] = {}
    for row in rows:
        first.setdefault(row.digest, row)
    return sorted(first.values(), key=lambda a: (a.created_at, a.job_id, a.place), reverse=True)


def trained_by(session: Session, job_id: int) -> str | None:
    """The supernet that a job has trained; None while it has not."""
    digest = (
        select(Artifact.digest)
        .where(Artifact.job_id == job_id, Artifact.kind == CHECKPOINT)
        .order_by(Artifact.place.desc())
        .limit(1)
    )
    return session.scalars(digest).one_or_none()


def users(session: Session, digest: str) -> list[Job]:
    """The jobs whose spec names this file, in order."""
    named = Job.spec[("supernet", "checkpoint")].as_string() == digest
    return list(session.scalars(select(Job).where(named).order_by(Job.id)))


def remove_artifact(session: Session, digest: str) -> None:
    """Forget a file in every job that made it; whoever calls removes the file afterwards.

    Raises:
        NotFound: no job has made it.
        InUse: a job that has not ended needs it, or may go on to make it.
    """
    artifact(session, digest)
    made_by = select(Artifact.job_id).where(Artifact.digest == digest)
    unfinished = session.scalars(
        select(Job.id).where(Job.id.in_(made_by), Job.state.in_(UNFINISHED))
    )
    needed_by = {job.id for job in users(session, digest) if job.state in UNFINISHED}
    needed_by |= set(unfinished)
    if needed_by:
        numbers = ", ".join(map(str, sorted(needed_by)[:10]))
        raise InUse(f"artifact {digest} is still needed by job {numbers}: cancel that first")
    session.execute(delete(Artifact).where(Artifact.digest == digest))


def add_artifacts(session: Session, job_id: int, rows: Sequence[ArtifactRow]) -> None:
    """Write those that the job has not told of before. The caller has locked the job's row."""
    if not rows:
        return
    known = {
        tuple(row)
        for row in session.execute(
            select(Artifact.digest, Artifact.name, Artifact.number).where(
                Artifact.job_id == job_id
            )
        )
    }
    last = select(func.coalesce(func.max(Artifact.place), -1)).where(Artifact.job_id == job_id)
    place = session.execute(last).scalar_one() + 1
    at = clock.read_clock(session)
    for row in rows:
        key = (row.digest, clean(row.name), row.number)
        if key in known:
            continue
        known.add(key)
        values = {**vars(row), "name": clean(row.name), "info": spelled_out(row.info)}
        session.add(Artifact(job_id=job_id, place=place, created_at=at, **values))
        place += 1
    session.flush()
