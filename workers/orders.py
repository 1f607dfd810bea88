"""What a worker and the process that runs a job say to each other: one JSON line each."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum

from pydantic import TypeAdapter


class Ask(StrEnum):
    """Stop, and why. The later in this list, the stronger."""

    STOP = "stop"  # the worker ends; the job goes back into the queue
    PAUSE = "pause"
    CANCEL = "cancel"


class Ending(StrEnum):
    """How a run ended, as its own process sees it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"  # as asked
    FENCED = "fenced"  # another worker holds the job; nothing was written
    AWAY = "away"  # the database was away for too long; the job is left to its lease


@dataclass(frozen=True)
class Order:
    """Run this job.

    Attributes:
        token: what every write must show.
        failures: causes by number of the trial, counted from the first of the job or slice:
            what must not be measured again.
        stays: wait for another order after this one, for the next slice of the same job.
    """

    job_id: int
    token: str
    batch_s: float
    give_up_s: float
    failures: dict[int, str] = field(default_factory=dict)
    stays: bool = False


@dataclass(frozen=True)
class Outcome:
    """The last line of a job's process; the reason is for people."""

    ending: Ending
    reason: str = ""


def line(said: Order | Outcome | Ask) -> bytes:
    """As it goes through a pipe."""
    content = said if isinstance(said, Ask) else asdict(said)
    return TypeAdapter(object).dump_json(content) + b"\n"


ORDER = TypeAdapter(Order)
OUTCOME = TypeAdapter(Outcome)
ASK = TypeAdapter(Ask)
