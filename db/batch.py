"""What a worker writes in one piece, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class TrialRow:
    """A trial as it is written; its arch is stored once per space."""

    number: int
    arch_key: str
    choices: Sequence[int]
    state: str
    parents: Sequence[int] = ()
    violation: float = 0.0
    clock_s: float | None = None


@dataclass(frozen=True)
class ScoreRow:
    """A score as it is written.

    Attributes:
        number: of the trial.
        objective: its place in the job's spec, from 0.
        value: finite exactly when the status is ``ok``, None otherwise.
        is_shared: of a score from memory: measured in another trial of the same job.
        memory_key: only on scores that were measured; those from memory have none.
        provenance_id: a key of the batch's ``provenance``, or of one written before.
    """

    number: int
    objective: int
    kind: str
    status: str
    value: float | None
    seconds: float = 0.0
    from_memory: bool = False
    is_shared: bool = False
    memory_key: str | None = None
    details: Mapping[str, Any] | None = None
    provenance_id: str | None = None


@dataclass(frozen=True)
class MetricRow:
    """A value of the run at a step; what is not finite is stored as None."""

    name: str
    step: int
    value: float


@dataclass(frozen=True)
class LogRow:
    """A line for people: level info, warning or error; the time is the database's if left out."""

    level: str
    message: str
    at: datetime | None = None


@dataclass(frozen=True)
class ProgressRow:
    """How far the run is, as a share from 0 to 1."""

    share: float
    eta_s: float | None = None
    text: str = ""


@dataclass(frozen=True)
class Batch:
    """What belongs together: written whole, or not at all.

    Attributes:
        checkpoint: JSON from which the run goes on after these trials.
        provenance: content by id (at most 32 characters).
        environment: what the run found itself in; shown with the job.
    """

    trials: Sequence[TrialRow] = ()
    scores: Sequence[ScoreRow] = ()
    metrics: Sequence[MetricRow] = ()
    logs: Sequence[LogRow] = ()
    progress: ProgressRow | None = None
    checkpoint: Mapping[str, Any] | None = None
    provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: Mapping[str, Any] | None = None
