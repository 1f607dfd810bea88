"""The tables. Statements about them live beside this file, one file a theme."""

import enum
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC, on databases that keep the zone and on those that do not."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times, and store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Root of the tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime(), dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012


class JobState(enum.StrEnum):
    """The life of a job; see docs/jobs.md for who may change what into what."""

    DRAFT = "draft"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"


_STATE = Enum(
    JobState,
    native_enum=False,
    create_constraint=False,
    length=12,
    values_callable=lambda states: [state.value for state in states],
)


class Project(Base):
    """What a team shares."""

    __tablename__ = "project"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime]


class Job(Base):
    """What a person submits and a worker runs; or a slice of it, see db/slices.py."""

    __tablename__ = "job"
    __table_args__ = (
        Index(None, "state", "queue", "priority", "queued_at"),
        Index(None, "lease_until"),
        Index(None, "created_at"),
        Index(None, "project_id", "created_at"),
        Index(None, "group_id"),
        Index(None, "parent_id"),
        Index(None, "control_of"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    owner: Mapped[str] = mapped_column(String(120))
    group_id: Mapped[str | None] = mapped_column(String(36))
    cloned_from: Mapped[int | None] = mapped_column(ForeignKey("job.id"))
    control_of: Mapped[int | None] = mapped_column(ForeignKey("job.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))  # only of a slice
    part: Mapped[int | None]  # of a slice: its place among its parent's, from 0
    num_slices: Mapped[int] = mapped_column(default=0, server_default="0")  # 0: runs whole

    name: Mapped[str] = mapped_column(String(120))
    space: Mapped[str] = mapped_column(String(64))
    strategy: Mapped[str] = mapped_column(String(64))
    spec: Mapped[dict[str, Any]]
    spec_digest: Mapped[str] = mapped_column(String(32), index=True)
    seed: Mapped[int] = mapped_column(BigInteger)

    state: Mapped[JobState] = mapped_column(_STATE)
    reason: Mapped[str] = mapped_column(Text, default="")
    queue: Mapped[str] = mapped_column(String(16), default="cpu")
    priority: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=0)  # how often a worker has taken it
    num_losses: Mapped[int] = mapped_column(default=0)  # in a row, without a new trial
    version: Mapped[int] = mapped_column(default=0)  # grows with every write; caches key on it

    token: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime | None]
    worker_id: Mapped[str | None] = mapped_column(String(36))

    created_at: Mapped[datetime]
    queued_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    checkpoint: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True), deferred=True
    )
    progress: Mapped[float] = mapped_column(default=0.0)  # share, 0 to 1
    eta_s: Mapped[float | None]
    progress_text: Mapped[str] = mapped_column(String(200), default="")
    num_trials: Mapped[int] = mapped_column(default=0)
    num_screened: Mapped[int] = mapped_column(default=0, server_default="0")  # among num_trials
    num_scores: Mapped[int] = mapped_column(default=0)
    num_from_memory: Mapped[int] = mapped_column(default=0)
    best: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True)
    )  # value by objective
    tallies: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True)
    )  # by objective: where its scores came from, see db/tallies.py
    environment: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class StateChange(Base):
    """The history of a job's states."""

    __tablename__ = "state_change"
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    state: Mapped[JobState] = mapped_column(_STATE)
    reason: Mapped[str] = mapped_column(Text, default="")
    actor: Mapped[str] = mapped_column(String(120), default="")


class Arch(Base):
    """An architecture, once per space: the id is a hash of space and exact key."""

    __tablename__ = "arch"
    __table_args__ = ({"sqlite_with_rowid": False},)
    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    space: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(400))
    choices: Mapped[list[Any]]


class Trial(Base):
    """One look at an arch within a job."""

    __tablename__ = "trial"
    __table_args__ = (Index(None, "arch_id"), {"sqlite_with_rowid": False})
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    arch_id: Mapped[str] = mapped_column(ForeignKey("arch.id"))
    state: Mapped[str] = mapped_column(String(10))
    parents: Mapped[list[Any]]
    violation: Mapped[float] = mapped_column(Float, default=0.0)
    clock_s: Mapped[float | None]
    created_at: Mapped[datetime]


class Score(Base):
    """One value of one trial; ``objective`` is its place in the job's spec."""

    __tablename__ = "score"
    __table_args__ = (
        Index(
            "ix_score_memory_key",
            "memory_key",
            sqlite_where=text("memory_key IS NOT NULL"),
            postgresql_where=text("memory_key IS NOT NULL"),
        ),
        Index(None, "job_id", "objective", "value", "number"),
        {"sqlite_with_rowid": False},
    )
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    objective: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(14))
    value: Mapped[float | None]
    seconds: Mapped[float] = mapped_column(default=0.0)
    from_memory: Mapped[bool] = mapped_column(default=False)
    memory_key: Mapped[str | None] = mapped_column(String(32))  # only on scores that were measured
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    provenance_id: Mapped[str | None] = mapped_column(ForeignKey("provenance.id"))


class ColumnBlock(Base):
    """The numbers of consecutive trials once more, packed for charts; see db/columns.py."""

    __tablename__ = "column_block"
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    block: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Provenance(Base):
    """Under which protocol a score was measured; content-addressed, shared by many scores."""

    __tablename__ = "provenance"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    content: Mapped[dict[str, Any]]


class Metric(Base):
    """A value of a run over its steps; None where it is not finite."""

    __tablename__ = "metric"
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[float | None]


class Snapshot(Base):
    """What a run looks like at a step, where a number is not enough."""

    __tablename__ = "snapshot"
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any]]


class Artifact(Base):
    """A file that a job has made, or that was imported; it lies in the data folder."""

    __tablename__ = "artifact"
    __table_args__ = (
        Index(None, "job_id"),
        Index(None, "digest"),
        Index(None, "kind", "created_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)  # of a job: in the order it told of them
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    owner: Mapped[str] = mapped_column(String(120))
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))  # None: was imported
    kind: Mapped[str] = mapped_column(String(10))  # checkpoint or export
    name: Mapped[str] = mapped_column(String(120))
    digest: Mapped[str] = mapped_column(String(32))  # names the file; several may have made it
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    info: Mapped[dict[str, Any]]
    number: Mapped[int | None]  # of the trial whose network it is
    created_at: Mapped[datetime]


class LogLine(Base):
    """What a run tells people."""

    __tablename__ = "log_line"
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    level: Mapped[str] = mapped_column(String(8))
    message: Mapped[str] = mapped_column(Text)


class Worker(Base):
    """A worker that has reported: what it offers and when it was last heard of."""

    __tablename__ = "worker"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    queues: Mapped[list[Any]]
    catalogue: Mapped[dict[str, Any]]
    started_at: Mapped[datetime]
    heard_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]


class Benchmark(Base):
    """An imported benchmark: published values by architecture."""

    __tablename__ = "benchmark"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    owner: Mapped[str] = mapped_column(String(120))
    name: Mapped[str] = mapped_column(String(64), unique=True)
    space: Mapped[str] = mapped_column(String(64))
    info: Mapped[dict[str, Any]]  # columns with unit and direction, clock, source file
    num_archs: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(32))
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)  # Parquet
    created_at: Mapped[datetime]
