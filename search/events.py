"""What a run yields. Plain values: whoever drives the run writes or shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from search.spaces import Arch

ScoreKind = Literal["proxy", "supernet", "standalone", "table", "cost"]
ScoreStatus = Literal["ok", "undefined", "failed", "not_applicable"]
TrialState = Literal["done", "failed", "infeasible", "screened"]


@dataclass(frozen=True, slots=True)
class Score:
    """One value of one trial.

    Attributes:
        objective: the objective's name in the spec.
        kind: what sort of figure this is; kinds are never pooled.
        status: ``undefined`` for nan and infinities, ``failed`` for an exception.
        value: finite, or None unless the status is ``ok``; as its source defines it.
        seconds: what it cost to measure; 0 when it came from memory.
        memory_key: equal for scores that may stand for each other; None when never shared.
        from_memory: it was recalled, not measured in this trial.
        is_shared: it was recalled from another trial of the same job.
        details: JSON; the raw value of an undefined score (``raw``), the cause of a failed
            one (``error``), the spread of a measured one.
    """

    objective: str
    kind: ScoreKind
    status: ScoreStatus
    value: float | None
    seconds: float = 0.0
    memory_key: str | None = None
    from_memory: bool = False
    is_shared: bool = False
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trial:
    """One look at an arch within a job.

    Attributes:
        number: 0, 1, 2, ... without gaps within the job.
        arch: the architecture looked at.
        arch_key: its exact key in the space.
        parents: numbers of the trials it was made from.
        state: ``infeasible`` when every score is there but a constraint is not met;
            ``screened`` when only some objectives were to be scored, whatever came of it.
        scores: one for each objective, in the order of the spec; of a screened trial those in
            ``only`` alone.
        violation: sum of relative constraint violations of what is scored; 0 when feasible.
        clock_s: simulated seconds since the start of the job, when a table has a clock.
        only: places of the objectives that were scored, ascending; None for all.
    """

    number: int
    arch: Arch
    arch_key: str
    parents: tuple[int, ...]
    state: TrialState
    scores: tuple[Score, ...]
    violation: float = 0.0
    clock_s: float | None = None
    only: tuple[int, ...] | None = None

    @property
    def places(self) -> Sequence[int]:
        """Of the objectives, one for each score."""
        return range(len(self.scores)) if self.only is None else self.only

    @property
    def first_failed(self) -> Score | None:
        """The first score that failed, if any did."""
        return next((score for score in self.scores if score.status == "failed"), None)


@dataclass(frozen=True)
class Metric:
    """A value of the run itself over its steps (not of one architecture)."""

    name: str
    step: int
    value: float


@dataclass(frozen=True)
class Snapshot:
    """What the run itself looks like at a step, where a number is not enough.

    Like a metric, it may come again with the same name and step when a run is gone on with; then
    it is the same.
    """

    name: str
    step: int
    content: dict[str, Any]


@dataclass(frozen=True)
class Artifact:
    """A file that lies in the data folder now; see :mod:`search.artifacts`.

    Attributes:
        name: for people, as a file name without its folder.
        digest: of its content, 32 hex digits; the file is named by it.
        size: bytes.
        info: what it is, as JSON; of a checkpoint the fields of a ``CheckpointInfo``.
        number: of the trial whose network it is; None for what belongs to the whole run.
    """

    kind: Literal["checkpoint", "export"]
    name: str
    digest: str
    size: int
    info: dict[str, Any]
    number: int | None = None

    @property
    def is_trained(self) -> bool:
        """It is a supernet whose training is done, not one that was kept on the way."""
        return self.kind == "checkpoint" and (
            self.info.get("steps", 0) >= self.info.get("num_steps", 0)
        )


@dataclass(frozen=True)
class Progress:
    """How far the run is, as a share from 0 to 1; eta_s is None while unknown."""

    share: float
    eta_s: float | None = None
    text: str = ""


@dataclass(frozen=True)
class Log:
    """A line for people."""

    level: Literal["info", "warning", "error"]
    message: str


@dataclass(frozen=True)
class Checkpoint:
    """JSON from which the run goes on; covers every event yielded before it."""

    state: dict[str, Any]

    @property
    def step(self) -> int:
        """How far the training under way is, in its own count; 0 when nothing is being trained.

        Whoever watches the run sees by it that a long training comes further.
        """
        return step_of(self.state)


def step_of(state: Mapping[str, Any]) -> int:
    """The step of a checkpoint, from its state."""
    return int((state.get("training") or {}).get("step", 0))


Event = Trial | Metric | Snapshot | Artifact | Progress | Log | Checkpoint
