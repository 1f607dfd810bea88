"""The pick of a search: of its trials that meet every constraint, the best by one measure."""

from dataclasses import dataclass

import numpy as np

from app import cached
from app.measures import Measure
from db import trial_pages
from db.models import Job
from db.session import reading
from search.spaces import spaces


@dataclass(frozen=True)
class Picked:
    """A trial and its architecture, in the space's text form."""

    trial: int
    arch: str


def picked(job: Job, measure: Measure) -> Picked | None:
    """The first trial with the best value; None while there is none."""
    columns = cached.columns(job.id, job.version)
    values_N = measure.sign * columns.values[:, measure.place]
    rows = np.flatnonzero(columns.is_feasible & np.isfinite(values_N))
    space = spaces.get(job.space)
    if not len(rows) or space is None:
        return None
    number = int(columns.numbers[rows[np.argmin(values_N[rows])]])
    with reading() as session:
        line = trial_pages.trial(session, job.id, number)
    return Picked(number, space.encode(line.choices))
