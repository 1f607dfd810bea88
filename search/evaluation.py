"""Scores of an arch for all objectives: looked up, recalled or measured, each on its own terms."""

import gc
import time
from collections import OrderedDict
from collections.abc import (
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from types import TracebackType
from typing import Any, TypeVar

import torch

from search.conditions import Conditions
from search.errors import NotApplicableError
from search.events import Score, ScoreStatus
from search.memory import Memory, Visit
from search.meters import (
    InheritedMeter,
    Meter,
    PluginMeter,
    ProbeMeter,
    TableMeter,
    TrainingMeter,
)
from search.probe import Measurement, Probe
from search.spaces import Arch, Space
from search.standalone.outcome import Pause
from search.standalone.trainee import Trainee
from search.subnets import Subnets
from search.time_limit import TrialTimeoutError, time_limit
from search.trainings import Steps

T = TypeVar("T")

CACHE_SIZE = 200_000
SHAREABLE: frozenset[ScoreStatus] = frozenset({"ok", "undefined", "not_applicable"})
_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


@dataclass(frozen=True)
class _Broken:
    """Why something gave no value."""

    status: ScoreStatus
    details: dict[str, Any]


class Evaluator:
    """Turns archs into scores.

    What a score is never depends on the order of archs: seeds are hashes, and a value that a
    class of archs shares is measured on the class's canonical member.

    Args:
        space: whose archs come.
        meters: the objectives, in the order of the spec.
        conditions: under which is measured; None when all objectives are looked up.
        memory: asked before anything is measured.
        timeout_s: for all scores of one arch together; a training may take it for every epoch.
        exported: place of the objective whose network is wanted; if it is a training, it is
            carried out even where its score is known.

    Attributes:
        network: what that training has trained for the last visit; None where there is none.
    """

    def __init__(
        self,
        space: Space,
        meters: Sequence[Meter],
        conditions: Conditions | None,
        memory: Memory,
        *,
        timeout_s: float,
        exported: int | None = None,
    ) -> None:
        self._space = space
        self._meters = meters
        self._conditions = conditions
        self._memory = memory
        self._timeout_s = timeout_s
        self._exported = exported
        self.network: torch.nn.Module | None = None
        self._table_meters = [(i, m) for i, m in enumerate(meters) if isinstance(m, TableMeter)]
        self._known: OrderedDict[str, Score] = OrderedDict()  # by memory key; oldest first
        self._key_makers = {
            place: meter.key_maker(
                conditions.relevant(meter.traits.depends_on, meter.kind),
            )
            for place, meter in enumerate(meters)
            if isinstance(meter, PluginMeter) and conditions is not None
        }
        self._training_meters = [
            (i, m) for i, m in enumerate(meters) if isinstance(m, TrainingMeter)
        ]
        self._trained: dict[int, Score] = {}  # by place; of the visit that comes next
        supernet = conditions.trained if conditions else None
        self._subnets = Subnets(supernet) if supernet else None

    @property
    def only_looks_up(self) -> bool:
        """Nothing is measured, so that an arch takes microseconds."""
        return not self._key_makers

    def prepare(self, visits: Iterable[Visit]) -> None:
        """Ask the memory for all scores of these visits at once."""
        if self.only_looks_up:
            return
        coming = [(visit, self._keys(visit)) for visit in visits]
        keys = {key for _, keys_of_visit in coming for key in keys_of_visit.values()}
        unknown = [key for key in sorted(keys) if key not in self._known]
        if unknown:
            for key, score in self._memory.recall(unknown).items():
                if score.status in SHAREABLE:
                    self._remember(key, score)
        if self._subnets is not None:
            self._expect(self._subnets, coming)

    def _expect(self, subnets: Subnets, coming: Sequence[tuple[Visit, Mapping[int, str]]]) -> None:
        for place, meter in enumerate(self._meters):
            if isinstance(meter, InheritedMeter):
                unknown = (
                    visit.arch
                    for visit, keys in coming
                    if place in keys and keys[place] not in self._known
                )
                canonical = self._space.canonical
                subnets.expect(place, [canonical(arch, meter.equivalence) for arch in unknown])

    @property
    def trains(self) -> bool:
        """Some objective is a training, so that :meth:`train` comes before :meth:`scores`."""
        return bool(self._training_meters)

    def train(self, visit: Visit) -> Iterator[Pause]:
        """Carry out the trainings of a visit; its scores must be asked for next.

        Args:
            visit: has been given to :meth:`prepare`.
        """
        assert self._conditions is not None
        keys = self._keys(visit)
        trainees: dict[Arch, Trainee] = {}
        self._trained = {}
        self.network = None
        for place, meter in self._training_meters:
            is_wanted = place == self._exported
            if place in keys and (is_wanted or keys[place] not in self._known):
                member = self._space.canonical(visit.arch, meter.equivalence)
                if member not in trainees:
                    trainees[member] = self._conditions.trainee(member)
                self._trained[place] = yield from self._training(meter, trainees[member])
                if is_wanted:
                    self.network = trainees[member].network

    def scores(
        self, visit: Visit, *, scored: Collection[int] = (), cause: str | None = None
    ) -> tuple[Score, ...]:
        """One score for each objective of the visit, in the order of the spec.

        Args:
            visit: has been given to :meth:`prepare`.
            scored: places of the objectives that an earlier trial of the run has scored.
            cause: why nothing is to be measured: what would be has failed of this.
        """
        scores = self._looked_up(visit, scored)
        if self.only_looks_up:
            return tuple(scores.values())
        arch = visit.arch
        keys = self._keys(visit)
        for place, key in keys.items():
            known = self._known.get(key)
            if known is not None:
                scores[place] = self._recalled(place, key, known)
        missing = {place: key for place, key in keys.items() if place not in scores}
        if missing and cause is not None:
            scores |= self._refused(missing, cause)
        elif missing:
            scores |= self._measured(arch, missing)
        return tuple(scores[place] for place in sorted(scores))

    def _keys(self, visit: Visit) -> dict[int, str]:
        arch, only = visit
        key = self._space.key
        return {
            place: make_key(key(arch, self._plugin_meter(place).equivalence))
            for place, make_key in self._key_makers.items()
            if only is None or place in only
        }

    def _plugin_meter(self, place: int) -> PluginMeter:
        meter = self._meters[place]
        assert isinstance(meter, PluginMeter)
        return meter

    def _looked_up(self, visit: Visit, scored: Collection[int]) -> dict[int, Score]:
        arch, only = visit
        index = self._space.index(arch)
        return {
            place: _table_score(meter, index, is_repeat=place in scored)
            for place, meter in self._table_meters
            if only is None or place in only
        }

    def _recalled(self, place: int, key: str, known: Score) -> Score:
        name = self._meters[place].aim.name
        return replace(known, objective=name, seconds=0.0, memory_key=key, from_memory=True)

    def _refused(self, places: Iterable[int], cause: str) -> dict[int, Score]:
        details = {"error": cause, "cause": "process"}
        meters = {place: self._plugin_meter(place) for place in places}
        return {
            place: Score(m.aim.name, m.kind, "failed", None, details=details)
            for place, m in meters.items()
        }

    def _measured(self, arch: Arch, missing: dict[int, str]) -> dict[int, Score]:
        """Measure on as few probes as there are archs to measure on."""
        deadline = time.monotonic() + self._timeout_s
        by_member: dict[Arch, list[int]] = {}
        scores = {place: self._trained.pop(place) for place in missing if place in self._trained}
        for place in missing.keys() - scores.keys():
            member = self._space.canonical(arch, self._plugin_meter(place).equivalence)
            by_member.setdefault(member, []).append(place)
        for member, places in by_member.items():
            scores |= self._measured_on(member, places, deadline)
        for place, key in missing.items():
            if scores[place].status in SHAREABLE:
                scores[place] = replace(scores[place], memory_key=key)
                self._remember(key, replace(scores[place], is_shared=True))
        return scores

    def _measured_on(self, member: Arch, places: list[int], deadline: float) -> dict[int, Score]:
        assert self._conditions is not None
        scores = {}
        probe = self._conditions.probe(member)
        for place in sorted(places):
            meter = self._plugin_meter(place)
            if isinstance(meter, InheritedMeter):
                scores[place] = self._inherited(place, meter, member, deadline)
            else:
                scores[place] = self._score(meter, probe, deadline)
            if scores[place].status == "failed":  # what broke off may be half done in the probe
                probe = self._conditions.probe(member)
        return scores

    def _score(self, meter: PluginMeter, probe: Probe, deadline: float) -> Score:
        assert isinstance(meter, ProbeMeter), "trainings come before measurements"
        start = time.perf_counter()
        found = self._tried(partial(meter.measure, probe), deadline - time.monotonic(), "trial")
        return _score_of(meter, found, time.perf_counter() - start)

    def _inherited(
        self, place: int, meter: InheritedMeter, member: Arch, deadline: float
    ) -> Score:
        assert self._subnets is not None, "a spec whose objectives need a supernet has one"
        start = time.perf_counter()
        ask = partial(self._subnets.value, place, meter, member)
        found = self._tried(ask, deadline - time.monotonic(), "trial")
        if isinstance(found, _Broken):
            return _score_of(meter, found, time.perf_counter() - start)
        return _score_of(meter, *found)

    def _training(self, meter: TrainingMeter, trainee: Trainee) -> Generator[Pause, None, Score]:
        """Train with a limit to the time of each epoch; what listeners take does not count."""
        steps = meter.train(trainee)
        seconds, left_s = 0.0, self._timeout_s
        while True:
            start = time.perf_counter()
            found = self._tried(partial(_advanced, steps), left_s, "training of one epoch")
            spent = time.perf_counter() - start
            seconds += spent
            if not isinstance(found, Pause):
                return _score_of(meter, found, seconds)
            left_s = self._timeout_s if found.is_epoch_end else left_s - spent
            yield found

    def _tried(self, action: Callable[[], T], limit_s: float, what: str) -> T | _Broken:
        try:
            with time_limit(limit_s):
                return action()
        except TrialTimeoutError:
            why = f"the {what} took longer than {self._timeout_s:g} s"
            return _Broken("failed", {"error": why, "cause": "timeout"})
        except NotApplicableError as error:
            return _Broken("not_applicable", {"reason": str(error)})
        except Exception as error:  # a metric may raise anything; it fails only its own score
            details = _details_of(error)
        if details.get("cause") == "memory":
            _free_memory()
        return _Broken("failed", details)

    def _remember(self, key: str, score: Score) -> None:
        self._known[key] = score
        if len(self._known) > CACHE_SIZE:
            self._known.popitem(last=False)


def _advanced(steps: Steps) -> Pause | Measurement:
    """The next pause of a training, or its value."""
    try:
        return next(steps)
    except StopIteration as end:
        measured: Measurement = end.value
        return measured


def _score_of(meter: PluginMeter, found: Measurement | _Broken, seconds: float) -> Score:
    name, kind = meter.aim.name, meter.kind
    if isinstance(found, _Broken):
        return Score(name, kind, found.status, None, seconds, details=found.details)
    if isfinite(found.value):
        return Score(name, kind, "ok", found.value, seconds, details=found.details)
    known = f"known to have no or little value: {meter.traits.fails_on}"
    why = {"reason": known} if meter.traits.fails_on else {}  # of a measure that says no more
    details = {**why, **found.details, "raw": str(found.value)}
    return Score(name, kind, "undefined", None, seconds, details=details)


def _table_score(meter: TableMeter, index: int, *, is_repeat: bool) -> Score:
    value = meter.lookup(index)
    if value is None:
        why = {"reason": "the benchmark has no row for this architecture"}
        return Score(meter.aim.name, "table", "not_applicable", None, details=why)
    if not isfinite(value):
        why = {"raw": str(value), "reason": "the benchmark has no value for this architecture"}
        return Score(meter.aim.name, "table", "undefined", None, details=why)
    name = meter.aim.name
    return Score(name, "table", "ok", value, from_memory=is_repeat, is_shared=is_repeat)


def _details_of(error: Exception) -> dict[str, Any]:
    message = f"{type(error).__name__}: {error}"[:2000]
    if is_out_of_memory(error):
        return {"error": f"out of memory ({message})", "cause": "memory"}
    return {"error": message, "where": _last_frame(error.__traceback__)}


def is_out_of_memory(error: Exception) -> bool:
    """Memory was short; torch says so in several ways."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(s in str(error) for s in _OUT_OF_MEMORY)


def _last_frame(trace: TracebackType | None) -> str:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    name = trace.tb_frame.f_globals.get("__name__", "")
    return f"{name}, line {trace.tb_lineno}"


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
