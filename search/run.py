"""One search, from its spec to its last trial, as a generator of events."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from search.conditions import Conditions, conditions
from search.errors import RunError, SpecError
from search.evaluation import Evaluator
from search.events import Checkpoint, Event, Log, Progress, Score, Trial
from search.memory import Memory as Memory
from search.memory import NoMemory as NoMemory
from search.meters import Meter, ProbeMeter, TableMeter, meter
from search.objectives import Aim, misses, total_violation
from search.parameters import bind
from search.seeds import seed_of
from search.spaces import Arch, Space, spaces
from search.spec import TABLE, Spec
from search.strategies import Proposal, Result, Strategy, strategies
from search.tables import Table

CHECKPOINT_VERSION = 1
SLICE_S = 0.5  # of work between two checkpoints; a single trial may take longer
CHUNK = 512  # proposals asked for at a time when looking them up takes microseconds
CHUNK_MEASURED = 32  # and when each takes long: they wait in the checkpoint
MAX_FAILED_IN_A_ROW = 20
MAX_NOTHING_NEW = 5_000  # trials in a row that look at an arch seen before
NUM_NEAREST = 3


def run(  # noqa: PLR0913  # the whole of what a run can be given
    spec: Spec,
    *,
    data_dir: Path,
    tables: Mapping[str, Table] | None = None,
    memory: Memory | None = None,
    resume: Mapping[str, Any] | None = None,
    device: str = "cpu",
    failures: Mapping[int, str] | None = None,
) -> Iterator[Event]:
    """Search, and yield what happens.

    A checkpoint follows about every half second of work. Whoever stops listening and goes on
    from the last checkpoint later gets the trials that would have come, number for number.

    Args:
        spec: what to do; has passed :func:`search.check.check`.
        data_dir: where data sets lie.
        tables: the imported benchmarks that objectives name.
        memory: what has been measured before; when resuming, it knows this job's trials.
        resume: the state of a checkpoint.
        device: ``cpu``, or ``gpu`` or a CUDA name.
        failures: causes by number of the trial: measuring it ended a process before, so what
            it would measure has failed of this.

    Raises:
        SpecError: the spec does not fit what is here.
        DataError: data is missing or broken.
        RunError: the search cannot go on; every event before it stands.
    """
    search = _opened(spec, data_dir, tables or {}, memory or NoMemory(), device)
    search.failures = failures or {}
    if resume is not None:
        search.go_on_from(resume)
    while not search.is_over:
        yield from search.some_trials()
        yield search.progress()
        yield from search.last_words()
        yield search.checkpoint()
        search.raise_if_hopeless()


def provenance(
    spec: Spec,
    *,
    data_dir: Path,
    tables: Mapping[str, Table] | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """Under which protocol and where the scores of a run come about, as JSON.

    Raises:
        SpecError: the spec does not fit what is here.
        DataError: data is missing or broken.
    """
    meters = _meters(spec, spaces[spec.space.name], tables or {})
    under = _conditions(spec, meters, data_dir, device)
    used = {o.params["table"] for o in spec.objectives if o.metric == TABLE}
    content: dict[str, Any] = {
        "seed": spec.seed,
        "space": spec.space.name,
        "tables": {name: tables[name].info.digest for name in sorted(used)} if tables else {},
        "metrics": {m.aim.name: m.described() for m in meters if isinstance(m, ProbeMeter)},
    }
    return content if under is None else {**content, **under.described()}


@dataclass
class _State:
    """What a checkpoint holds besides the strategy; JSON, and of bounded size."""

    num_trials: int = 0
    elapsed_s: float = 0.0
    clock_s: float = 0.0
    failed_in_a_row: int = 0
    nothing_new: int = 0
    num_repeats: int = 0
    num_scores: int = 0
    num_recalled: int = 0
    has_feasible: bool = False
    stopped: str = ""  # why; empty while it goes on
    nearest: list[dict[str, Any]] = field(default_factory=list)
    pending: list[list[list[int]]] = field(default_factory=list)  # arch and parents


class _Search:
    """A run under way.

    Attributes:
        failures: causes by the number of a trial that is not to be measured.
    """

    def __init__(
        self, spec: Spec, meters: Sequence[Meter], evaluator: Evaluator, memory: Memory
    ) -> None:
        self._spec = spec
        self._space: Space = spaces[spec.space.name]
        self._aims: list[Aim] = [m.aim for m in meters]
        self._constrained = any(aim.is_constrained for aim in self._aims)
        self._evaluator = evaluator
        self._memory = memory
        self._clock = _clock(meters)
        self._strategy = _strategy(spec, self._space)
        self._state = _State()
        self._visited: set[Arch] = set()
        self._pending: list[Proposal] = []
        self._failure = ""
        self.failures: Mapping[int, str] = {}  # of trials to come, by their numbers
        self._start = time.monotonic()
        self._elapsed_before = 0.0
        self._share_before = 0.0

    def go_on_from(self, resume: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            RunError: it belongs to another search, or the record lacks trials.
        """
        if resume.get("version") != CHECKPOINT_VERSION or resume["spec"] != self._spec.digest():
            raise RunError("the checkpoint belongs to another search or another version; retry it")
        self._state = _State(**resume["run"])
        if self._state.failed_in_a_row >= MAX_FAILED_IN_A_ROW:
            self._state.failed_in_a_row = 0  # somebody wants to try again
        self._strategy.load_state_dict(resume["strategy"])
        self._pending = [Proposal(tuple(a), tuple(p)) for a, p in self._state.pending]
        recorded = list(islice(self._memory.visited(), self._state.num_trials))
        if len(recorded) < self._state.num_trials:
            raise RunError(
                f"the checkpoint was made after {self._state.num_trials} trials, but only "
                f"{len(recorded)} are on record; retry the search from the start"
            )
        self._visited = {tuple(arch) for arch in recorded}
        self._elapsed_before = self._state.elapsed_s
        self._share_before = self._share()
        self._evaluator.prepare([proposal.arch for proposal in self._pending])

    @property
    def is_over(self) -> bool:
        """There is nothing more to yield."""
        return bool(self._state.stopped)

    def some_trials(self) -> Iterator[Trial]:
        """Trials for about a slice of time; at least one, unless the search ends before it."""
        until = time.monotonic() + SLICE_S
        while not self._ends():
            yield from self._look_at(self._take())
            if time.monotonic() >= until:
                break
        self._state.elapsed_s = self._elapsed_s()

    def _ends(self) -> bool:
        """Find out whether the search is over before another trial, and why."""
        state, budget = self._state, self._spec.budget
        if state.stopped or self._failure:
            return True
        if budget.trials is not None and state.num_trials >= budget.trials:
            state.stopped = "the budget of trials is used up"
        elif budget.minutes is not None and self._elapsed_s() >= 60 * budget.minutes:
            state.stopped = "the time is up"
        elif len(self._visited) >= self._space.size:
            state.stopped = "every architecture of the space has been looked at"
        elif state.nothing_new >= MAX_NOTHING_NEW:
            state.stopped = f"{MAX_NOTHING_NEW:,} trials in a row found no new architecture"
        elif not self._pending and not self._ask():
            state.stopped = "the strategy has nothing left to propose"
        return bool(state.stopped)

    def _ask(self) -> bool:
        """Have the strategy propose; False when it is exhausted."""
        chunk = CHUNK if self._evaluator.only_looks_up else CHUNK_MEASURED
        if self._spec.budget.trials is not None:
            chunk = min(chunk, self._spec.budget.trials - self._state.num_trials)
        self._pending = self._strategy.ask(chunk)
        self._evaluator.prepare([proposal.arch for proposal in self._pending])
        assert self._pending or self._strategy.is_exhausted, "all results are told: propose"
        return bool(self._pending)

    def _take(self) -> list[Proposal]:
        """What to look at before time is checked again."""
        size = len(self._pending) if self._evaluator.only_looks_up else 1
        taken, self._pending = self._pending[:size], self._pending[size:]
        return taken

    def _look_at(self, proposals: Sequence[Proposal]) -> Iterator[Trial]:
        results = []
        for proposal in proposals:
            trial = self._trial(proposal)
            if trial is None:
                self._pending = []
                break
            results.append(self._result(trial))
            yield trial
            if self._failure:
                break
        self._strategy.tell(results)

    def _trial(self, proposal: Proposal) -> Trial | None:
        """Evaluate; None when the simulated clock runs out first."""
        state, arch = self._state, proposal.arch
        is_repeat = arch in self._visited
        if self._clock is not None and not is_repeat and not self._advance_clock(arch):
            return None
        cause = self.failures.get(state.num_trials)
        scores = self._evaluator.scores(arch, is_repeat=is_repeat, cause=cause)
        violation = total_violation(self._aims, scores) if self._constrained else 0.0
        failed = next((score for score in scores if score.status == "failed"), None)
        trial = Trial(
            number=state.num_trials,
            arch=arch,
            arch_key=self._space.key(arch),
            parents=proposal.parents,
            state="failed" if failed else "infeasible" if violation > 0 else "done",
            scores=scores,
            violation=violation,
            clock_s=state.clock_s if self._clock is not None else None,
        )
        self._count(trial, is_repeat=is_repeat)
        self._note_failure(trial, failed)
        if self._constrained:
            self._note_feasibility(trial)
        return trial

    def _advance_clock(self, arch: Arch) -> bool:
        """Let the evaluation take its simulated time; False when that is past the budget."""
        assert self._clock is not None
        after = self._state.clock_s + (self._clock(self._space.index(arch)) or 0.0)
        limit = self._spec.budget.clock_s
        if limit is not None and after > limit:
            self._state.stopped = "the simulated time is up"
            return False
        self._state.clock_s = after
        return True

    def _count(self, trial: Trial, *, is_repeat: bool) -> None:
        state = self._state
        state.num_trials += 1
        state.nothing_new = state.nothing_new + 1 if is_repeat else 0
        state.num_repeats += is_repeat
        state.num_scores += len(trial.scores)
        state.num_recalled += sum([score.from_memory for score in trial.scores])
        self._visited.add(trial.arch)

    def _note_failure(self, trial: Trial, failed: Score | None) -> None:
        if failed is None:
            self._state.failed_in_a_row = 0
            return
        self._state.failed_in_a_row += 1
        if self._state.failed_in_a_row >= MAX_FAILED_IN_A_ROW:
            self._failure = (
                f"{MAX_FAILED_IN_A_ROW} trials in a row failed; the last one, trial "
                f"{trial.number}, in {failed.objective}: {failed.details.get('error', 'no cause')}"
            )

    def _note_feasibility(self, trial: Trial) -> None:
        state = self._state
        state.has_feasible = state.has_feasible or trial.state == "done"
        if state.has_feasible:
            state.nearest = []
            return
        worst = state.nearest[-1]["violation"] if len(state.nearest) == NUM_NEAREST else None
        if worst is not None and trial.violation >= worst:
            return
        arch = list(trial.arch)
        if any(near["arch"] == arch for near in state.nearest):
            return
        near = {
            "violation": trial.violation,
            "number": trial.number,
            "arch": arch,
            "misses": misses(self._aims, trial.scores),
        }
        state.nearest = sorted([*state.nearest, near], key=_by_violation)[:NUM_NEAREST]

    def _result(self, trial: Trial) -> Result:
        pairs = list(zip(self._aims, trial.scores, strict=True))
        values = tuple([aim.minimised(score.value) for aim, score in pairs])
        is_unknown = self._constrained and any(
            aim.is_constrained and score.value is None for aim, score in pairs
        )
        violation = None if is_unknown else trial.violation
        return Result(trial.number, trial.arch, values, violation)

    def progress(self) -> Progress:
        """How far it is, and how long it will take at the pace of this session."""
        share = 1.0 if self.is_over else self._share()
        gained, taken = share - self._share_before, time.monotonic() - self._start
        eta_s = (1 - share) / gained * taken if gained > 0 and taken > 0 else None
        state = self._state
        text = f"{state.num_trials:,} trials"
        if self._clock is not None:
            text += f", {state.clock_s:,.0f} s on the simulated clock"
        return Progress(share, eta_s, text)

    def _share(self) -> float:
        """Of the budget that is nearest to its end."""
        state, budget = self._state, self._spec.budget
        shares = []
        num_trials = _num_trials(self._spec, self._space, self._strategy)
        if num_trials is not None:
            shares.append(state.num_trials / num_trials)
        if budget.minutes is not None:
            shares.append(self._elapsed_s() / (60 * budget.minutes))
        if budget.clock_s is not None:
            shares.append(state.clock_s / budget.clock_s)
        return min(1.0, max(shares, default=0.0))

    def _elapsed_s(self) -> float:
        return self._elapsed_before + time.monotonic() - self._start

    def last_words(self) -> Iterator[Log]:
        """What people should know when it is over."""
        state = self._state
        if not self.is_over:
            return
        if self._constrained and not state.has_feasible and state.nearest:
            yield Log("warning", "no architecture met every constraint; the nearest misses follow")
            for near in state.nearest:
                name = self._space.encode(tuple(near["arch"]))
                yield Log("warning", f"trial {near['number']}, {name}: {near['misses']}")
        different = state.num_trials - state.num_repeats
        yield Log(
            "info",
            f"{state.stopped}: {state.num_trials:,} trials of {different:,} architectures; "
            f"{state.num_recalled:,} of {state.num_scores:,} scores came from memory",
        )

    def checkpoint(self) -> Checkpoint:
        """Where to go on from."""
        self._state.pending = [[list(p.arch), list(p.parents)] for p in self._pending]
        return Checkpoint(
            {
                "version": CHECKPOINT_VERSION,
                "spec": self._spec.digest(),
                "run": asdict(self._state),
                "strategy": self._strategy.state_dict(),
            }
        )

    def raise_if_hopeless(self) -> None:
        """End a search in which everything fails.

        Raises:
            RunError: with the cause of the last failure.
        """
        if self._failure:
            raise RunError(self._failure)


def _opened(
    spec: Spec, data_dir: Path, tables: Mapping[str, Table], memory: Memory, device: str
) -> _Search:
    space = spaces[spec.space.name]
    meters = _meters(spec, space, tables)
    evaluator = Evaluator(
        space,
        meters,
        _conditions(spec, meters, data_dir, device),
        memory,
        timeout_s=spec.budget.trial_timeout_s,
    )
    return _Search(spec, meters, evaluator, memory)


def _meters(spec: Spec, space: Space, tables: Mapping[str, Table]) -> list[Meter]:
    meters: list[Meter] = []
    for place, objective in enumerate(spec.objectives):
        try:
            meters.append(meter(objective, space=space, tables=tables))
        except SpecError as error:
            raise SpecError(
                {f"objectives.{place}.{path}": why for path, why in error.fields.items()}
            ) from None
    return meters


def _conditions(
    spec: Spec, meters: Sequence[Meter], data_dir: Path, device: str
) -> Conditions | None:
    """Under which to measure; None when everything is looked up, so that no data is needed."""
    if all(isinstance(m, TableMeter) for m in meters):
        return None
    return conditions(spec, data_dir=data_dir, device=device)


def _strategy(spec: Spec, space: Space) -> Strategy:
    kind = strategies[spec.strategy.name]
    rng = np.random.default_rng(seed_of(spec.seed, "strategy"))
    return kind(space, rng, **bind(kind, spec.strategy.params))


def _clock(meters: Sequence[Meter]) -> Callable[[int], float | None] | None:
    """The clock of the first benchmark that has one."""
    clocks = (m.clock for m in meters if isinstance(m, TableMeter) and m.clock is not None)
    return next(clocks, None)


def _num_trials(spec: Spec, space: Space, strategy: Strategy) -> int | None:
    limits = [spec.budget.trials, space.size if strategy.visits_once else None]
    return min((limit for limit in limits if limit is not None), default=None)


def _by_violation(near: Mapping[str, Any]) -> tuple[float, int]:
    return near["violation"], near["number"]
