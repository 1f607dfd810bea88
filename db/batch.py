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
class SnapshotRow:
    """What the run looks like at a step, as JSON; what is not finite is stored as None."""

    name: str
    step: int
    content: Mapping[str, Any]


@dataclass(frozen=True)
class ArtifactRow:
    """A file that the run has made; it lies in the data folder already.

    Attributes:
        kind: ``checkpoint`` or ``export``.
        digest: of its content, 32 hex digits.
        size: bytes.
        number: of the trial whose network it is; None for what belongs to the whole run.
    """

    kind: str
    name: str
    digest: str
    size: int
    info: Mapping[str, Any] = field(default_factory=dict)
    number: int | None = None


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
        is_further: a training has come further than any checkpoint written before; a batch with
            trials always is.
        provenance: content by id (at most 32 characters).
        environment: what the run found itself in; shown with the job. Where slices of a job
            ran in different ones, the job has the first, with the rest in ``others``.
    """

    trials: Sequence[TrialRow] = ()
    scores: Sequence[ScoreRow] = ()
    metrics: Sequence[MetricRow] = ()
    snapshots: Sequence[SnapshotRow] = ()
    artifacts: Sequence[ArtifactRow] = ()
    logs: Sequence[LogRow] = ()
    progress: ProgressRow | None = None
    checkpoint: Mapping[str, Any] | None = None
    is_further: bool = False
    provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: Mapping[str, Any] | None = None
