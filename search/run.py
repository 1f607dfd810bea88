"""One search, from its spec to its last trial, as a generator of events."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.errors import RunError
from search.evaluation import Evaluator
from search.events import Checkpoint, Event, Log, Progress, Trial, TrialState
from search.memory import Memory as Memory
from search.memory import NoMemory as NoMemory
from search.memory import Visit
from search.meters import Meter
from search.misses import warnings
from search.objectives import Aim, total_violation
from search.opening import (
    clock_of,
    conditions_of,
    exporter_of,
    meters_of,
    num_trials_of,
    pool_of,
    strategy_of,
)
from search.pace import Pace
from search.provenance import provenance as provenance
from search.resuming import checkpoint_of, require_own
from search.slices import Part, RestOfPart
from search.slices import part_of as part_of
from search.spaces import Space, spaces
from search.spec import Spec
from search.strategies import Proposal, Result, Strategy, remark_of
from search.supernet_stage import SHARE, trained_supernet
from search.supernets.trained import TrainedSupernet
from search.tables import Table
from search.tally import Tally
from search.visits import Visits

if TYPE_CHECKING:
    from search.export.exporter import Exporter

SLICE_S = 0.5  # of work between two checkpoints; a single trial may take longer
CHUNK = 512  # proposals asked for at a time when looking them up takes microseconds
CHUNK_MEASURED = 32  # and when each takes long: they wait in the checkpoint
MAX_FAILED_IN_A_ROW = 20
MAX_NOTHING_NEW = 5_000  # full trials in a row that look at an arch seen before
MAX_SCREENED_IN_A_ROW = 200_000  # trials with no full one between, so that every search ends


def run(  # noqa: PLR0913  # the whole of what a run can be given
    spec: Spec,
    *,
    data_dir: Path,
    tables: Mapping[str, Table] | None = None,
    memory: Memory | None = None,
    resume: Mapping[str, Any] | None = None,
    device: str = "cpu",
    failures: Mapping[int, str] | None = None,
    part: Part | None = None,
) -> Iterator[Event]:
    """Search, and yield what happens.

    A checkpoint follows about every half second of work. Whoever stops listening and goes on
    from the last checkpoint later gets the trials that would have come, number for number.
    Where a supernet is to be trained, that comes first; then checkpoints are further apart.

    Args:
        spec: what to do; has passed :func:`search.check.check`.
        data_dir: where data sets lie.
        tables: the imported benchmarks that objectives name.
        memory: what has been measured before; when resuming, it knows this job's trials.
        resume: the state of a checkpoint.
        device: ``cpu``, or ``gpu`` or a CUDA name.
        failures: causes by number of the trial: measuring it ended a process before, so what
            it would measure has failed of this.
        part: only these trials of a sweep; then ``failures`` counts from its first one.

    Raises:
        SpecError: the spec does not fit what is here.
        DataError: data is missing or broken.
        RunError: the search cannot go on; every event before it stands.
    """
    if resume is not None:
        require_own(resume, spec)
    trained: TrainedSupernet | None = None
    if spec.supernet is not None:
        trained = yield from trained_supernet(spec, data_dir, device, resume)
    search = _opened(spec, data_dir, tables or {}, memory or NoMemory(), device, trained)
    if part is not None:
        search.keep_to(part)
    search.failures = failures or {}
    if resume is not None and "run" in resume:
        search.go_on_from(resume)
    while not search.is_over:
        yield from search.some_trials()
        yield from search.remarks()
        yield search.progress()
        yield from search.last_words()
        yield search.checkpoint()
        search.raise_if_hopeless()


class _Search:
    """A run under way.

    Attributes:
        failures: causes by the number of a trial that is not to be measured.
        exporter: writes the networks of trials as files; None where none is wanted.
    """

    def __init__(
        self,
        spec: Spec,
        meters: Sequence[Meter],
        evaluator: Evaluator,
        memory: Memory,
        trained: TrainedSupernet | None,
    ) -> None:
        self._spec = spec
        self._trained = trained
        self._space: Space = spaces[spec.space.name]
        self._aims: list[Aim] = [m.aim for m in meters]
        self._constrained = any(aim.is_constrained for aim in self._aims)
        self._evaluator = evaluator
        self._memory = memory
        self._clock = clock_of(meters)
        self._strategy: Strategy = strategy_of(spec, self._space)
        self._state = Tally()
        self._visits = Visits(len(meters))
        self._part: Part | None = None
        self._pending: list[Proposal] = []
        self._failure = ""
        self.failures: Mapping[int, str] = {}  # of trials to come, by their numbers
        self.exporter: Exporter | None = None
        num_trials, pool = num_trials_of(spec, self._space), pool_of(spec, self._space)
        self._pace = Pace(spec.budget, lambda: num_trials, pool=pool)

    def keep_to(self, part: Part) -> None:
        """Look at this part of a sweep alone."""
        self._part = part
        self._strategy = RestOfPart(part)
        self._pace = Pace(self._spec.budget, lambda: part.num_expected)

    def go_on_from(self, resume: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            RunError: the record lacks trials.
        """
        self._state = Tally(**resume["run"])
        if self._state.failed_in_a_row >= MAX_FAILED_IN_A_ROW:
            self._state.failed_in_a_row = 0  # somebody wants to try again
        self._strategy.load_state_dict(resume["strategy"])
        self._pending = [_proposal(*fields) for fields in self._state.pending]
        met = self._memory.visited() if self._part is None else self._part.visits()
        recorded = list(islice(met, self._state.num_trials))
        if len(recorded) < self._state.num_trials:
            raise RunError(
                f"the checkpoint was made after {self._state.num_trials} trials, but only "
                f"{len(recorded)} are on record; retry the search from the start"
            )
        for visit in recorded:
            self._visits.add(visit)
        self._pace.go_on_from(self._state)
        self._evaluator.prepare([_visit(proposal) for proposal in self._pending])

    @property
    def is_over(self) -> bool:
        """There is nothing more to yield."""
        return bool(self._state.stopped)

    def some_trials(self) -> Iterator[Event]:
        """Trials for about a slice of time; at least one, unless the search ends before it.

        A trial that is trained for has checkpoints and progress before it.
        """
        until = time.monotonic() + SLICE_S
        while not self._ends():
            yield from self._look_at(self._take())
            if time.monotonic() >= until:
                break
        self._state.elapsed_s = self._pace.elapsed_s

    def _ends(self) -> bool:
        """Find out whether the search is over before another trial, and why."""
        state, budget = self._state, self._spec.budget
        if state.stopped or self._failure:
            return True
        if self._has_used_up_trials():
            state.stopped = "the budget of trials is used up"
        elif budget.minutes is not None and self._pace.elapsed_s >= 60 * budget.minutes:
            state.stopped = "the time is up"
        elif len(self._visits) >= self._space.size:
            state.stopped = "every architecture of the space has been looked at"
        elif state.nothing_new >= MAX_NOTHING_NEW:
            state.stopped = f"{MAX_NOTHING_NEW:,} trials in a row found no new architecture"
        elif state.screened_in_a_row >= MAX_SCREENED_IN_A_ROW:
            state.stopped = f"{MAX_SCREENED_IN_A_ROW:,} trials in a row were screened only"
        elif not self._pending and not self._ask():
            state.stopped = "the strategy has nothing left to propose"
        return bool(state.stopped)

    def _has_used_up_trials(self) -> bool:
        limit = self._spec.budget.trials
        return limit is not None and self._state.num_full >= limit

    def _ask(self) -> bool:
        """Have the strategy propose; False when it is exhausted."""
        chunk = CHUNK if self._evaluator.only_looks_up else CHUNK_MEASURED
        limit, num_full = self._spec.budget.trials, self._state.num_full
        while chunk > len(self._pending):  # what is screened only does not use up the budget
            left = chunk if limit is None else limit - num_full
            asked = self._strategy.ask(min(chunk - len(self._pending), left))
            self._pending += asked
            num_full += sum(proposal.only is None for proposal in asked)
            if not asked:
                break
        self._evaluator.prepare([_visit(proposal) for proposal in self._pending])
        assert self._pending or self._strategy.is_exhausted, "all results are told: propose"
        return bool(self._pending)

    def _take(self) -> list[Proposal]:
        """What to look at before time is checked again."""
        size = len(self._pending) if self._evaluator.only_looks_up else 1
        taken, self._pending = self._pending[:size], self._pending[size:]
        return taken

    def _look_at(self, proposals: Sequence[Proposal]) -> Iterator[Event]:
        results = []
        for proposal in proposals:
            if self._evaluator.trains:
                yield from self._train(proposal)
            trial = self._trial(proposal)
            if trial is None:
                self._pending = []
                break
            results.append(self._result(trial))
            yield trial
            if self.exporter is not None:
                yield self.exporter.export(trial, self._evaluator.network)
            if self._failure or self._has_used_up_trials():
                break
        self._strategy.tell(results)

    def _train(self, proposal: Proposal) -> Iterator[Event]:
        """Train for a trial; at every pause the run can be left, and the trial comes first then.

        Before the simulated clock is looked at: a search of both trains once too often at most.
        """
        if self._state.num_trials in self.failures:
            return
        for pause in self._evaluator.train(_visit(proposal)):
            self._state.elapsed_s = self._pace.elapsed_s
            told = self.progress(pause.share)
            epoch = min(pause.epoch + 1, pause.epochs)
            yield replace(told, text=f"{told.text}; epoch {epoch} of {pause.epochs} of the next")
            yield self.checkpoint(under_way=[proposal], epochs=pause.epoch)

    def _trial(self, proposal: Proposal) -> Trial | None:
        """Evaluate; None when the simulated clock runs out first."""
        state, arch, only = self._state, proposal.arch, proposal.only
        visit = _visit(proposal)
        scored = self._visits.scored(arch)
        if not self._advance_clock(visit, scored):
            return None
        cause = self.failures.get(state.num_trials)
        scores = self._evaluator.scores(visit, scored=scored, cause=cause)
        aims = self._aims if only is None else [self._aims[place] for place in only]
        violation = total_violation(aims, scores) if self._constrained else 0.0
        failed = any(score.status == "failed" for score in scores)
        ended: TrialState = "failed" if failed else "infeasible" if violation > 0 else "done"
        trial = Trial(
            number=state.num_trials if self._part is None else self._part.number(state.num_trials),
            arch=arch,
            arch_key=self._space.key(arch),
            parents=proposal.parents,
            state=ended if only is None else "screened",
            scores=scores,
            violation=violation,
            clock_s=state.clock_s if self._clock is not None else None,
            only=only,
        )
        state.count(trial, is_repeat=arch in self._visits)
        self._visits.add(visit)
        self._note_failure(trial)
        if self._constrained and only is None:
            state.note_feasibility(trial, self._aims)
        return trial

    def _advance_clock(self, visit: Visit, scored: Collection[int]) -> bool:
        """Let the evaluation take its simulated time; False when that is past the budget."""
        clock, only = self._clock, visit.only
        if (
            clock is None
            or clock.place in scored
            or (only is not None and clock.place not in only)
        ):
            return True
        after = self._state.clock_s + clock.seconds(self._space.index(visit.arch))
        limit = self._spec.budget.clock_s
        if limit is not None and after > limit:
            self._state.stopped = "the simulated time is up"
            return False
        self._state.clock_s = after
        return True

    def _note_failure(self, trial: Trial) -> None:
        failed = trial.first_failed
        if failed is not None and self._state.failed_in_a_row >= MAX_FAILED_IN_A_ROW:
            self._failure = (
                f"{MAX_FAILED_IN_A_ROW} trials in a row failed; the last one, trial "
                f"{trial.number}, in {failed.objective}: {failed.details.get('error', 'no cause')}"
            )

    def _result(self, trial: Trial) -> Result:
        aims = self._aims
        values: list[float | None] = [None] * len(aims)
        is_unknown = False
        for place, score in zip(trial.places, trial.scores, strict=True):
            values[place] = aims[place].minimised(score.value)
            is_unknown = is_unknown or (score.value is None and aims[place].is_constrained)
        violation = None if is_unknown else trial.violation
        return Result(trial.number, trial.arch, tuple(values), violation, trial.only)

    def progress(self, under_way: float = 0.0) -> Progress:
        """How far it is, and how long it will take at the pace of this session.

        Args:
            under_way: how much of the next trial is done, 0 to 1.
        """
        state = self._state
        share = 1.0 if self.is_over else self._pace.share(state, under_way)
        text = state.counted()
        if self._clock is not None:
            text += f", {state.clock_s:,.0f} s on the simulated clock"
        eta_s = self._pace.eta_s(share)
        if self._spec.supernet is not None and self._spec.supernet.recipe is not None:
            share = SHARE + (1 - SHARE) * share  # the training came before
        return Progress(share, eta_s, text)

    def remarks(self) -> Iterator[Log]:
        """What the strategy has to say, once for as long as it says something."""
        before, self._state.remark = self._state.remark, remark_of(self._strategy)
        if self._state.remark and not before:
            yield Log("warning", self._state.remark)

    def last_words(self) -> Iterator[Log]:
        """What people should know when it is over."""
        state = self._state
        if not self.is_over or self._part is not None:  # of a part, the whole is told
            return
        yield from warnings(state.nearest, self._space)
        yield Log(
            "info",
            f"{state.stopped}: {state.counted(len(self._visits))}; "
            f"{state.num_recalled:,} of {state.num_scores:,} scores were not measured anew",
        )

    def checkpoint(self, under_way: Sequence[Proposal] = (), epochs: int = 0) -> Checkpoint:
        """Where to go on from: with what is trained for so many epochs, then what is pending."""
        self._state.pending = [
            [list(p.arch), list(p.parents), None if p.only is None else list(p.only)]
            for p in [*under_way, *self._pending]
        ]
        parts: dict[str, Any] = {
            "run": asdict(self._state),
            "strategy": self._strategy.state_dict(),
        }
        if self._trained is not None:
            parts["supernet"] = self._trained.digest
        if under_way:
            parts["training"] = {"step": epochs}
        return checkpoint_of(self._spec, **parts)

    def raise_if_hopeless(self) -> None:
        """End a search in which everything fails.

        Raises:
            RunError: with the cause of the last failure.
        """
        if self._failure:
            raise RunError(self._failure)


def _opened(  # what a search is made from
    spec: Spec,
    data_dir: Path,
    tables: Mapping[str, Table],
    memory: Memory,
    device: str,
    trained: TrainedSupernet | None,
) -> _Search:
    space = spaces[spec.space.name]
    meters = meters_of(spec, space, tables)
    conditions = conditions_of(spec, meters, data_dir, device, trained)
    exporter = exporter_of(spec, meters, conditions, data_dir)
    evaluator = Evaluator(
        space,
        meters,
        conditions,
        memory,
        timeout_s=spec.budget.trial_timeout_s,
        exported=None if exporter is None else exporter.place,
    )
    search = _Search(spec, meters, evaluator, memory, trained)
    search.exporter = exporter
    return search


def _proposal(arch: list[int], parents: list[int], only: list[int] | None) -> Proposal:
    return Proposal(tuple(arch), tuple(parents), None if only is None else tuple(only))


def _visit(proposal: Proposal) -> Visit:
    return Visit(proposal.arch, proposal.only)
