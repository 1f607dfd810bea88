"""What kind of score the objectives of jobs have: told by their first trial."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Score


def kinds(
    session: Session, job_ids: Sequence[int], num_objectives: int
) -> dict[tuple[int, int], str]:
    """Kind by job and place of the objective; without jobs that have no trial yet."""
    found = {}
    for place in range(num_objectives):  # each a look-up by the primary key
        rows = session.execute(
            select(Score.job_id, Score.kind).where(
                Score.job_id.in_(job_ids), Score.objective == place, Score.number == 0
            )
        )
        found.update({(job_id, place): kind for job_id, kind in rows})
    return found
