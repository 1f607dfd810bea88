"""Where the scores of a job came from, counted by objective as they are written.

``measured`` in this job; ``shared`` with a trial of this job whose arch is in the same class of
an equivalence (or is the same); ``recalled`` from earlier jobs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from db import clock
from db.batch import ScoreRow
from db.models import Job, LogLine, Trial

EXACT = "exact"
NUM_NEAREST = 3

Counts = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Tally:
    """Of one objective.

    Attributes:
        equivalence: under which archs share its scores; ``exact`` when none do, or for lookups.
    """

    objective: str
    equivalence: str
    measured: int
    shared: int
    recalled: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.measured + self.shared + self.recalled

    @property
    def words(self) -> str:
        """What people are told about it."""
        text = f"{self.measured:,} of {self.total:,} trials were measured"
        if self.recalled:
            were = "was" if self.recalled == 1 else "were"
            text += f"; {self.recalled:,} {were} recalled from earlier searches"
        if self.shared and self.equivalence != EXACT:
            others = f"{self.shared:,} share" if self.recalled else "the others share"
            text += f"; {others} a class under {self.equivalence} with one of this search"
        elif self.shared:
            text += f"; {self.shared:,} looked again at an architecture of this search"
        return text


def counted(
    known: Mapping[str, Any] | None, objectives: Sequence[Any], scores: Sequence[ScoreRow]
) -> Counts:
    """The counts with these scores added."""
    counts: Counts = {name: dict(of_name) for name, of_name in (known or {}).items()}
    found = Counter([(s.objective, s.from_memory, s.is_shared) for s in scores])
    for (place, is_old, is_shared), num in found.items():
        if place < len(objectives):
            where = ("shared" if is_shared else "recalled") if is_old else "measured"
            of_name = counts.setdefault(objectives[place]["name"], {})
            of_name[where] = of_name.get(where, 0) + num
    return counts


def tallies(job: Job) -> list[Tally]:
    """Where the scores of a job came from, in the order of its objectives."""
    counts: Mapping[str, Mapping[str, int]] = job.tallies or {}
    metrics: Mapping[str, Any] = (job.environment or {}).get("metrics") or {}
    names = [part["name"] for part in job.spec.get("objectives") or ()]
    return [
        Tally(
            objective=name,
            equivalence=(metrics.get(name) or {}).get("equivalence", EXACT),
            measured=counts[name].get("measured", 0),
            shared=counts[name].get("shared", 0),
            recalled=counts[name].get("recalled", 0),
        )
        for name in names
        if name in counts
    ]


def told(found: Sequence[Tally]) -> list[str]:
    """One line for each different story, with the objectives that it is about."""
    names: dict[str, list[str]] = {}
    for tally in found:
        if tally.shared or tally.recalled:
            names.setdefault(tally.words, []).append(tally.objective)
    return [f"{', '.join(of_words)}: {words}" for words, of_words in names.items()]


def tell(session: Session, job_id: int) -> None:
    """Write the last words of a job that has succeeded into its log."""
    job = session.execute(
        select(Job).where(Job.id == job_id).execution_options(populate_existing=True)
    ).scalar_one()
    lines = [("info", words) for words in told(tallies(job))]
    if job.num_slices:
        whole = ("info", f"all {job.num_slices} slices are done: {job.num_trials:,} trials")
        lines = [whole, *_nearest_misses(session, job_id), *lines]
    last = select(func.coalesce(func.max(LogLine.number), 0)).where(LogLine.job_id == job_id)
    first = session.execute(last).scalar_one() + 1
    for number, (level, message) in enumerate(lines, first):
        session.execute(
            insert(LogLine).values(
                job_id=job_id, number=number, at=clock.now(), level=level, message=message
            )
        )


def _nearest_misses(session: Session, job_id: int) -> list[tuple[str, str]]:
    """A warning when no trial of a job that was cut met every constraint."""
    is_done = select(Trial.number).where(Trial.job_id == job_id, Trial.state == "done").limit(1)
    if session.execute(is_done).first() is not None:
        return []
    rows = session.execute(
        select(Trial.number, Trial.violation)
        .where(Trial.job_id == job_id, Trial.state == "infeasible")
        .order_by(Trial.violation, Trial.number)
        .limit(NUM_NEAREST)
    ).all()
    if not rows:
        return []
    near = ", ".join(f"{row.number} (violation {row.violation:.3g})" for row in rows)
    return [("warning", f"no architecture met every constraint; nearest were trials {near}")]
