"""Projects: what a team shares."""

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db import clock
from db.models import Project


def project_id(session: Session, name: str) -> int:
    """The number of the project of this name, which is made when it is missing."""
    known = select(Project.id).where(Project.name == name)
    found = session.execute(known).scalar_one_or_none()
    if found is not None:
        return found
    dialect = session.get_bind().dialect.name
    fresh = sqlite.insert(Project) if dialect == "sqlite" else postgresql.insert(Project)
    session.execute(fresh.values(name=name, created_at=clock.now()).on_conflict_do_nothing())
    return session.execute(known).scalar_one()
