"""Fixtures for the record: a job that runs."""

from dataclasses import dataclass

import pytest
from sqlalchemy.orm import Session

from db import jobs
from tests.db.making import new_job


@dataclass(frozen=True)
class Running:
    """A job, and the token of the worker that has it."""

    id: int
    token: str


@pytest.fixture
def queued(session: Session) -> int:
    """The number of a job that waits."""
    return jobs.add_job(session, new_job()).id


@pytest.fixture
def running(session: Session, queued: int) -> Running:
    """A job that a worker has."""
    claim = jobs.claim(session, queued, worker_id="worker 1", lease_s=60)
    assert claim is not None
    return Running(queued, claim.token)
