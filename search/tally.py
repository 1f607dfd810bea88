"""What a run has counted so far: the part of its checkpoint that is not the strategy's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from search.events import Trial
from search.misses import nearest
from search.objectives import Aim


@dataclass
class Tally:
    """JSON, and of bounded size.

    Attributes:
        num_trials: full and screened ones.
        nothing_new: full trials in a row that looked at an arch seen before.
        num_recalled: scores that came from memory.
        stopped: why the run is over; empty while it goes on.
        remark: what the strategy had to say when last asked.
        nearest: misses of constraints, while nothing is feasible.
        pending: proposals to look at: arch, parents, only.
    """

    num_trials: int = 0
    num_screened: int = 0
    screened_in_a_row: int = 0
    elapsed_s: float = 0.0
    clock_s: float = 0.0
    failed_in_a_row: int = 0
    nothing_new: int = 0
    num_scores: int = 0
    num_recalled: int = 0
    has_feasible: bool = False
    stopped: str = ""
    remark: str = ""
    nearest: list[dict[str, Any]] = field(default_factory=list)
    pending: list[list[Any]] = field(default_factory=list)

    @property
    def num_full(self) -> int:
        """Trials for all objectives."""
        return self.num_trials - self.num_screened

    def count(self, trial: Trial, *, is_repeat: bool) -> None:
        """Take in one more trial; *is_repeat* when its arch was looked at in full before."""
        self.num_trials += 1
        self.num_scores += len(trial.scores)
        self.num_recalled += sum([score.from_memory for score in trial.scores])
        failed = trial.first_failed is not None
        self.failed_in_a_row = self.failed_in_a_row + 1 if failed else 0
        if trial.only is not None:
            self.num_screened += 1
            self.screened_in_a_row += 1
            return
        self.screened_in_a_row = 0
        self.nothing_new = self.nothing_new + 1 if is_repeat else 0

    def note_feasibility(self, trial: Trial, aims: Sequence[Aim]) -> None:
        """Keep the nearest misses until something is feasible; *trial* is a full one."""
        self.has_feasible = self.has_feasible or trial.state == "done"
        self.nearest = [] if self.has_feasible else nearest(self.nearest, trial, aims)

    def counted(self, num_archs: int | None = None) -> str:
        """Full trials, of how many archs if that is told, and those that were screened."""
        text = f"{self.num_full:,} trials"
        if num_archs is not None:
            text += f" of {num_archs:,} architectures"
        return f"{text} and {self.num_screened:,} screened" if self.num_screened else text
