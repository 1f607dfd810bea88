"""Scores of an arch for all objectives: looked up, recalled or measured, each on its own terms."""

import gc
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import isfinite
from types import FrameType, TracebackType
from typing import Any

import torch

from search.conditions import Conditions
from search.errors import NotApplicableError
from search.events import Score, ScoreStatus
from search.memory import Memory, Visit
from search.meters import Meter, ProbeMeter, TableMeter
from search.probe import Probe
from search.spaces import Arch, Space

CACHE_SIZE = 200_000
SHAREABLE: frozenset[ScoreStatus] = frozenset({"ok", "undefined", "not_applicable"})
_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


class TrialTimeoutError(Exception):
    """The trial took longer than its budget allows."""


class Evaluator:
    """Turns archs into scores.

    What a score is never depends on the order of archs: seeds are hashes, and a value that a
    class of archs shares is measured on the class's canonical member.

    Args:
        space: whose archs come.
        meters: the objectives, in the order of the spec.
        conditions: under which is measured; None when all objectives are looked up.
        memory: asked before anything is measured.
        timeout_s: for all scores of one arch together.
    """

    def __init__(
        self,
        space: Space,
        meters: Sequence[Meter],
        conditions: Conditions | None,
        memory: Memory,
        *,
        timeout_s: float,
    ) -> None:
        self._space = space
        self._meters = meters
        self._conditions = conditions
        self._memory = memory
        self._timeout_s = timeout_s
        self._table_meters = [(i, m) for i, m in enumerate(meters) if isinstance(m, TableMeter)]
        self._known: OrderedDict[str, Score] = OrderedDict()  # by memory key; oldest first
        self._key_makers = {
            place: meter.key_maker(
                conditions.relevant(meter.traits.depends_on, meter.kind),
            )
            for place, meter in enumerate(meters)
            if isinstance(meter, ProbeMeter) and conditions is not None
        }

    @property
    def only_looks_up(self) -> bool:
        """Nothing is measured, so that an arch takes microseconds."""
        return not self._key_makers

    def prepare(self, visits: Iterable[Visit]) -> None:
        """Ask the memory for all scores of these visits at once."""
        if self.only_looks_up:
            return
        keys = {key for visit in visits for key in self._keys(visit).values()}
        unknown = [key for key in sorted(keys) if key not in self._known]
        if unknown:
            for key, score in self._memory.recall(unknown).items():
                if score.status in SHAREABLE:
                    self._remember(key, score)

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
            place: make_key(key(arch, self._probe_meter(place).equivalence))
            for place, make_key in self._key_makers.items()
            if only is None or place in only
        }

    def _probe_meter(self, place: int) -> ProbeMeter:
        meter = self._meters[place]
        assert isinstance(meter, ProbeMeter)
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
        meters = {place: self._probe_meter(place) for place in places}
        return {
            place: Score(m.aim.name, m.kind, "failed", None, details=details)
            for place, m in meters.items()
        }

    def _measured(self, arch: Arch, missing: dict[int, str]) -> dict[int, Score]:
        """Measure on as few probes as there are archs to measure on."""
        deadline = time.monotonic() + self._timeout_s
        by_member: dict[Arch, list[int]] = {}
        for place in missing:
            member = self._space.canonical(arch, self._probe_meter(place).equivalence)
            by_member.setdefault(member, []).append(place)
        scores: dict[int, Score] = {}
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
        for place in places:
            scores[place] = self._score(self._probe_meter(place), probe, deadline)
            if scores[place].status == "failed":  # what broke off may be half done in the probe
                probe = self._conditions.probe(member)
                if scores[place].details.get("cause") == "memory":
                    _free_memory()
        return scores

    def _score(self, meter: ProbeMeter, probe: Probe, deadline: float) -> Score:
        name, kind = meter.aim.name, meter.kind
        start = time.perf_counter()
        try:
            with _time_limit(deadline - time.monotonic()):
                measured = meter.measure(probe)
        except TrialTimeoutError:
            why = f"the trial took longer than {self._timeout_s:g} s"
            details: dict[str, Any] = {"error": why, "cause": "timeout"}
            return Score(name, kind, "failed", None, time.perf_counter() - start, details=details)
        except NotApplicableError as error:
            seconds = time.perf_counter() - start
            return Score(
                name, kind, "not_applicable", None, seconds, details={"reason": str(error)}
            )
        except Exception as error:  # a metric may raise anything; it fails only its own score
            details = _details_of(error)
            return Score(name, kind, "failed", None, time.perf_counter() - start, details=details)
        seconds = time.perf_counter() - start
        if isfinite(measured.value):
            return Score(name, kind, "ok", measured.value, seconds, details=measured.details)
        raw = {**measured.details, "raw": str(measured.value)}
        return Score(name, kind, "undefined", None, seconds, details=raw)

    def _remember(self, key: str, score: Score) -> None:
        self._known[key] = score
        if len(self._known) > CACHE_SIZE:
            self._known.popitem(last=False)


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
    if _is_out_of_memory(error):
        return {"error": f"out of memory ({message})", "cause": "memory"}
    return {"error": message, "where": _last_frame(error.__traceback__)}


def _is_out_of_memory(error: Exception) -> bool:
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


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise TrialTimeoutError in here when time is up.

    Between two operations at the latest, which is as soon as Python can; and only in the main
    thread of systems that have timers. Elsewhere a trial that is late is noticed by the caller.
    """
    if seconds <= 0:
        raise TrialTimeoutError
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not hasattr(signal, "setitimer"):
        yield
        return
    with _alarm(seconds, _raise_timeout):
        yield


@contextmanager
def _alarm(seconds: float, handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    start = time.monotonic()
    handler_before = signal.signal(signal.SIGALRM, handler)
    left_before, interval_before = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler_before)
        if left_before:  # somebody else waits for an alarm: give it back
            left = max(1e-3, left_before - (time.monotonic() - start))
            signal.setitimer(signal.ITIMER_REAL, left, interval_before)


def _raise_timeout(_signum: int, _frame: FrameType | None) -> None:
    raise TrialTimeoutError
