"""Files that jobs have made or people have brought: known by digest, lying in the data folder."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.orm import Session

from db import clock
from db.batch import ArtifactRow
from db.errors import InUse, NotFound
from db.models import Artifact, Job, Project
from db.plain import clean, spelled_out
from db.projects import project_id
from db.transitions import UNFINISHED

CHECKPOINT = "checkpoint"
_DIGEST = re.compile(r"[0-9a-f]{32}", re.ASCII)


def artifacts(session: Session, job_id: int) -> Sequence[Artifact]:
    """What a job has made, in order."""
    return session.scalars(
        select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.id)
    ).all()


def artifact(session: Session, digest: str) -> Artifact:
    """The file of this digest, as it was described first.

    Raises:
        NotFound: no job has made it, and nobody has imported it.
    """
    if not _DIGEST.fullmatch(digest):
        raise NotFound(f"{clean(digest)[:40]!r} is no digest: that is 32 hexadecimal digits")
    found = session.scalars(
        select(Artifact).where(Artifact.digest == digest).order_by(Artifact.id).limit(1)
    ).one_or_none()
    if found is None:
        raise NotFound(f"there is no artifact {digest}")
    return found


def checkpoints(session: Session, *, project: str = "default") -> list[Artifact]:
    """Every trained supernet of a project once, newest first."""
    rows = session.scalars(
        select(Artifact)
        .join(Project, Project.id == Artifact.project_id)
        .where(Artifact.kind == CHECKPOINT, Project.name == project)
        .order_by(Artifact.id)
    )
    first: dict[str, Artifact] = {}
    for row in rows:
        first.setdefault(row.digest, row)
    return sorted(first.values(), key=lambda a: (a.created_at, a.id), reverse=True)


def trained_by(session: Session, job_id: int) -> str | None:
    """The supernet that a job has trained; None while it has not, whatever it kept on the way."""
    digest = (
        select(Artifact.digest)
        .where(Artifact.job_id == job_id, trained())
        .order_by(Artifact.id.desc())
        .limit(1)
    )
    return session.scalars(digest).one_or_none()


def trained() -> ColumnElement[bool]:
    """Whether a file is the supernet of a training that is done; for statements."""
    steps, of_steps = (Artifact.info[name].as_integer() for name in ("steps", "num_steps"))
    is_done = func.coalesce(steps, 0) >= func.coalesce(of_steps, 0)
    return and_(Artifact.kind == CHECKPOINT, is_done)


def is_trained(info: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is of a training that is done; older ones do not say, and are."""
    return int(info.get("steps", 0)) >= int(info.get("num_steps", 0))


def users(session: Session, digest: str) -> list[Job]:
    """The jobs whose spec names this file, in order."""
    named = Job.spec[("supernet", "checkpoint")].as_string() == digest
    return list(session.scalars(select(Job).where(named).order_by(Job.id)))


def remove_artifact(session: Session, digest: str) -> None:
    """Forget a file wherever it came from; whoever calls removes the file afterwards.

    Raises:
        NotFound: it is not on record.
        InUse: a job that has not ended needs it, or may go on to make it; or a control of one.
    """
    artifact(session, digest)
    made_by = select(Artifact.job_id).where(Artifact.digest == digest)
    unfinished = session.scalars(
        select(Job.id).where(Job.id.in_(made_by), Job.state.in_(UNFINISHED))
    )
    needed_by = {job.id for job in users(session, digest) if job.state in UNFINISHED}
    controls = select(Job.id).where(Job.control_of.in_(made_by), Job.state.in_(UNFINISHED))
    needed_by |= {*unfinished, *session.scalars(controls)}
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
    of_job = select(Job.project_id, Job.owner).where(Job.id == job_id)
    project, owner = session.execute(of_job).one()
    at = clock.read_clock(session)
    for row in rows:
        key = (row.digest, clean(row.name), row.number)
        if key in known:
            continue
        known.add(key)
        session.add(
            Artifact(job_id=job_id, project_id=project, owner=owner, created_at=at, **_values(row))
        )
    session.flush()


def add_imported(
    session: Session, row: ArtifactRow, *, owner: str = "local", project: str = "default"
) -> tuple[Artifact, bool]:
    """Write a file that no job has made; one that the project has already stays as it is.

    Returns:
        What is on record, and whether it was added.
    """
    number = project_id(session, project)
    has_it = (
        select(Artifact)
        .where(Artifact.project_id == number, Artifact.digest == row.digest)
        .order_by(Artifact.id)
        .limit(1)
    )
    found = session.scalars(has_it).one_or_none()
    if found is not None:
        return found, False
    at = clock.read_clock(session)
    added = Artifact(project_id=number, owner=owner, created_at=at, **_values(row))
    session.add(added)
    session.flush()
    return added, True


def _values(row: ArtifactRow) -> dict[str, Any]:
    return {**vars(row), "name": clean(row.name), "info": spelled_out(row.info)}
