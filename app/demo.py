"""The search that `archfront up --demo` submits when the history is empty."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Job
from search.spec import Submission, load_submission

SPEC = """\
name: First look at NAS-Bench-201
space: {name: nasbench201}
network: {channels: 8, cells: 1}
data: {name: digits, batch_size: 32}
objectives:
  - nwot
  - synflow
  - {metric: macs, direction: minimize}
  - {metric: params, direction: minimize}
strategy: {name: nsga2}
budget: {trials: 500}
seed: 1
"""


def demo_submission() -> Submission:
    """Two proxies against size: a front that moves for a few minutes on any machine."""
    return load_submission(SPEC)


def is_history_empty(session: Session) -> bool:
    """Whether nobody has submitted anything yet."""
    return session.execute(select(Job.id).limit(1)).first() is None
