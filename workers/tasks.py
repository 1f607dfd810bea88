"""The task: take a job, let a process of its own run it, watch, and write how it ended.

Runs in a pool process of Celery's. Only here does a job end: the process that ran it is gone
by then, so nothing more can be written about it.
"""

import logging
import os
import select
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from celery import Celery

from db import jobs
from db.errors import LeaseLost
from db.jobs import JobState
from db.session import reading, transaction
from search.spec import Budget
from workers.child import Child
from workers.mark import Place
from workers.orders import Ask, Ending, Order
from workers.patience import AWAY, brief, persist
from workers.queue import TASK, send_all
from workers.settings import Settings

# At one place: once may be bad luck, then it is a failed trial, then the end of the job.
# A training that has come further is at another place.
MAX_CRASHES = 3

_ASKED = {JobState.PAUSING: Ask.PAUSE, JobState.CANCELLING: Ask.CANCEL}
_STOPPED = {Ask.STOP: JobState.QUEUED, Ask.PAUSE: JobState.PAUSED, Ask.CANCEL: JobState.CANCELLED}
_REASONS = {
    Ask.STOP: "given back by a worker that was stopped; goes on from its checkpoint",
    Ask.PAUSE: "stopped at its checkpoint as asked",
    Ask.CANCEL: "stopped as asked",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class End:
    """How a job is to end; without a state there is nothing to write."""

    state: JobState | None
    reason: str = ""


class Runner:
    """Runs jobs one after the other, each in a process that was loaded before it was needed.

    Args:
        lifeline: a pipe whose other end the worker closes when it stops.
    """

    def __init__(self, worker_id: str, settings: Settings, lifeline: int) -> None:
        self._worker_id = worker_id
        self._settings = settings
        self._lifeline = lifeline
        self._idle: Child | None = None
        self._idle_for: int | None = None  # the job whose slices it has run, if any

    def prepare(self) -> None:
        """Start the process of the next job, so that torch is loaded when the job comes."""
        if not self._is_stopping():
            self._idle, self._idle_for = Child(self._settings), None

    def dismiss(self) -> None:
        """End the process that waits for the next job."""
        if self._idle is not None:
            self._idle.end()
            self._idle = None

    def run(self, job_id: int) -> None:
        """Run a job if it is there to be taken; a repeated message does nothing.

        After a slice that took no time, the next one of the same job is taken at once: what
        comes from memory would else wait for messages most of the time.
        """
        until = time.monotonic() + self._settings.go_on_s
        following: int | None = job_id
        while following is not None:
            following = self._run(following)
            if time.monotonic() > until or self._is_stopping():
                break
        if self._idle is None:
            self.prepare()

    def _run(self, job_id: int) -> int | None:
        """Run a job or a slice; the id of a slice beside it that waits."""
        try:
            with transaction() as session:
                claim = jobs.claim(
                    session, job_id, worker_id=self._worker_id, lease_s=self._settings.lease_s
                )
        except AWAY as error:
            log.warning("job %d is left to the sweep: %s", job_id, brief(error))
            return None
        if claim is None:
            return None
        log.info("job %d: taken, attempt %d", job_id, claim.attempt)
        held = Held(job_id, claim, self._settings, self._lifeline)
        end = held.carry_out(lambda: self._take_child(claim.parent_id))
        self._finish(held, end)
        following = self._next_slice(job_id) if held.kept is not None else None
        if held.kept is not None and following is None:
            held.kept.end()
        elif held.kept is not None:
            self._idle, self._idle_for = held.kept, claim.parent_id
        return following

    def _take_child(self, parent_id: int | None) -> Child:
        """The process that waits, unless it has run slices of another job or has ended."""
        child, self._idle = self._idle, None
        is_fit = self._idle_for is None or self._idle_for == parent_id
        if child is not None and is_fit and child.returncode is None:
            return child
        if child is not None:
            child.end()
        return Child(self._settings)

    def _next_slice(self, job_id: int) -> int | None:
        try:
            with reading() as session:
                return jobs.next_slice(session, job_id)
        except AWAY:
            return None

    def _finish(self, held: "Held", end: End) -> None:
        if end.state is None:
            return
        try:
            state = persist(lambda _: held.release(end), give_up_s=self._settings.give_up_s)
        except LeaseLost as error:
            log.warning("%s", error)
        except AWAY as error:
            log.error("job %d is left to the sweep: %s", held.job_id, brief(error))
        else:
            log.info("job %d: %s (%s)", held.job_id, state, end.reason)
            if state is JobState.QUEUED:
                send_all([(held.job_id, held.queue())])

    def _is_stopping(self) -> bool:
        ready, _, _ = select.select([self._lifeline], [], [], 0)
        return bool(ready)


class Held:
    """A job or slice that is ours while we keep its lease.

    Attributes:
        kept: the process that has run a slice to its end, and waits for the next.
    """

    def __init__(self, job_id: int, claim: jobs.Claim, settings: Settings, lifeline: int) -> None:
        self.job_id = job_id
        self.kept: Child | None = None
        self._token = claim.token
        self._is_slice = claim.parent_id is not None
        self._trial_timeout_s = Budget.model_validate(claim.spec["budget"]).trial_timeout_s
        self._settings = settings
        self._lifeline = lifeline
        self._renewed_at = time.monotonic()
        self._asked: Ask | None = None
        self._asked_at = 0.0
        self._is_lost = False
        self._is_away = False
        self._crashes: Counter[tuple[int | None, int] | None] = Counter()
        self._failures: dict[int, str] = {}

    def carry_out(self, take_child: Callable[[], Child]) -> End:
        """Let processes run the job, one after the other while they crash, until it ends."""
        end = None
        while end is None:
            child = take_child()
            try:
                is_stuck = self._follow(child)
                outcome = child.outcome
                if self._is_slice and outcome is not None and outcome.ending is Ending.SUCCEEDED:
                    self.kept = child
            finally:
                if self.kept is None:
                    child.end()
            end = self._end_of(child, is_stuck=is_stuck)
        return end

    def release(self, end: End) -> JobState:
        """Write how the job ended."""
        assert end.state is not None
        with transaction() as session:
            return jobs.release(
                session, self.job_id, self._token, state=end.state, reason=end.reason
            )

    def queue(self) -> str:
        """The queue it belongs to."""
        with reading() as session:
            return jobs.job_or_slice(session, self.job_id).queue

    def _follow(self, child: Child) -> bool:
        """Watch a process run the job as long as there is a reason to; whether it got stuck."""
        child.give(
            Order(
                self.job_id,
                self._token,
                self._settings.batch_s,
                self._settings.give_up_s,
                self._failures,
                stays=self._is_slice,
            )
        )
        limit_s = self._trial_timeout_s + self._settings.stuck_s
        watch = _StuckWatch(child, limit_s, self._settings.start_s)
        while child.is_running() and child.outcome is None:
            child.wait(self._settings.watch_s, self._lifeline if self._asked is None else None)
            self._look(child)
            if self._is_lost or self._is_deaf():
                break
            if self._is_away:  # what the process writes has to wait, which is no fault of a trial
                watch.begin_anew()
            elif watch.is_stuck():
                return child.outcome is None
        return False

    def _look(self, child: Child) -> None:
        """See what is asked for, pass it on, and keep the lease."""
        self._is_away = False
        try:
            state = self._state()
        except LeaseLost as error:
            log.warning("%s", error)
            self._is_lost = True
            return
        except AWAY as error:
            log.warning("job %d: the database is away: %s", self.job_id, brief(error))
            self._is_away = True
            return
        asked = _ASKED.get(state) or (Ask.STOP if _is_closed(self._lifeline) else None)
        if asked is not None and asked != self._asked:
            child.ask(asked)
            self._asked_at = self._asked_at or time.monotonic()
            self._asked = asked

    def _state(self) -> JobState:
        if time.monotonic() < self._renewed_at + self._settings.renew_s:
            with reading() as session:
                return jobs.job_or_slice(session, self.job_id).state
        with transaction() as session:
            state = jobs.keep_lease(session, self.job_id, self._token, self._settings.lease_s)
        self._renewed_at = time.monotonic()
        return state

    def _is_deaf(self) -> bool:
        """Whether the process was asked to stop and does not."""
        return (
            self._asked is not None and time.monotonic() > self._asked_at + self._settings.obey_s
        )

    def _end_of(self, child: Child, *, is_stuck: bool) -> End | None:
        """How the job ends now; None when its process has crashed and the job goes on."""
        if self._is_lost:
            return End(None)
        if child.outcome is not None and child.outcome.ending is not Ending.STOPPED:
            reason = child.outcome.reason
            match child.outcome.ending:
                case Ending.SUCCEEDED:
                    return End(JobState.SUCCEEDED, reason)
                case Ending.FAILED:
                    return End(JobState.FAILED, reason)
                case _:
                    return End(None)
        if self._asked is not None:
            return End(_STOPPED[self._asked], _REASONS[self._asked])
        return self._note_crash(child, is_stuck=is_stuck)

    def _note_crash(self, child: Child, *, is_stuck: bool) -> End | None:
        """Decide about a process that ended unasked: again, without the trial, or no more."""
        place = child.mark.read()
        spot = (place.number, place.step) if place.has_begun else None
        self._crashes[spot] += 2 if is_stuck else 1
        cause = self._limit_cause(place) if is_stuck else _cause(child.returncode or 0)
        where = self._where(place)
        log.warning("job %d, %s: %s", self.job_id, where, cause)
        if self._crashes[spot] >= MAX_CRASHES or place.number in self._failures:
            return End(JobState.FAILED, f"{where}: {cause}; this happened again and again")
        if place.has_begun and place.number is not None and self._crashes[spot] > 1:
            self._failures[place.number] = cause
        return None

    def _where(self, place: Place) -> str:
        """What a process was doing, for people."""
        if not place.has_begun:
            return "before the first trial"
        if place.number is None:
            return f"the training of its supernet, after step {place.step:,}"
        return f"its trial {place.number + 1}" if self._is_slice else f"trial {place.number}"

    def _limit_cause(self, place: Place) -> str:
        limit_s = self._trial_timeout_s
        if place.number is None:
            return "nothing was heard of it for minutes, so its process was ended"
        return f"it took longer than its limit of {limit_s:g} s, so its process was ended"


class _StuckWatch:
    """Notices that a process has yielded nothing for too long."""

    def __init__(self, child: Child, limit_s: float, start_s: float) -> None:
        self._child = child
        self._limit_s = limit_s
        self._start_s = start_s
        self.begin_anew()

    def begin_anew(self) -> None:
        """Count from now."""
        self._place = self._child.mark.read()
        self._since = time.monotonic()

    def is_stuck(self) -> bool:
        """Whether the last event is longer ago than the limit."""
        place = self._child.mark.read()
        if place != self._place:
            self._place, self._since = place, time.monotonic()
        limit_s = self._limit_s if place.has_begun else self._start_s
        if place.number is None:  # what a step of a supernet takes is no matter of a trial's limit
            limit_s = max(self._limit_s, self._start_s)
        return time.monotonic() > self._since + limit_s


def register(app: Celery, runner: Runner) -> None:
    """Make *runner* what messages from the queue go to."""

    @app.task(name=TASK, ignore_result=True)
    def run(job_id: int) -> None:
        if not isinstance(job_id, int):
            log.warning("dropped a message that names no job")
            return
        runner.run(job_id)


def _cause(returncode: int) -> str:
    if returncode == -signal.SIGKILL:
        return "its process was killed (signal 9), most likely because memory ran out"
    if returncode < 0:
        return f"its process was ended by signal {-returncode}"
    return f"its process ended by itself with exit status {returncode}"


def _is_closed(pipe: int) -> bool:
    ready, _, _ = select.select([pipe], [], [], 0)
    return bool(ready) and not os.read(pipe, 1)
