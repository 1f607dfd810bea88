"""The process that runs one job: ``python -m workers.run_job``, started by a worker.

It loads the engine, waits for an order on its standard input, writes what the run yields, and
ends; after a slice it waits for the next slice of the same job. When its standard input closes
it ends at once, so that it never outlives its worker.
"""

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any, Protocol

from sqlalchemy.orm import Session

from db import artifacts, jobs, trials
from db.errors import AlreadyRecorded, LeaseLost, RecordError
from db.models import Job
from db.session import data_dir, plugin_dir, transaction
from search.errors import SearchError
from search.events import Checkpoint, Event, Score, step_of
from search.memory import Memory
from search.plugins import use_plugins
from search.spec import Spec
from search.tables import Table
from workers.course import Course
from workers.mark import Mark
from workers.memory import RecordedMemory
from workers.orders import ASK, ORDER, Ending, Order, Outcome, line
from workers.orphans import ORPHANED, end_with_parent
from workers.patience import StillAway, persist, read
from workers.rows import Pending, batch_of, content_id
from workers.secrets import without_secrets
from workers.tables import tables_of

if TYPE_CHECKING:  # loads torch
    from search.slices import Part

MAX_PENDING = 2_000  # events; then they are written without waiting

log = logging.getLogger(__name__)


class Engine(Protocol):
    """What runs a spec: the module ``search.run``."""

    def run(  # noqa: PLR0913
        self,
        spec: Spec,
        *,
        data_dir: Path,
        tables: Mapping[str, Table],
        memory: Memory,
        resume: Mapping[str, Any] | None,
        device: str,
        failures: Mapping[int, str],
        part: "Part | None",
    ) -> Iterator[Event]:
        """The events of a run; trials in *failures* fail with this cause, unmeasured."""

    def part_of(self, spec: Spec, part: int, of: int) -> "Part":
        """One of the parts that a sweep is cut into."""

    def provenance(
        self, spec: Spec, *, data_dir: Path, tables: Mapping[str, Table], device: str
    ) -> dict[str, Any]:
        """Under which protocol, and where, the scores of this run are measured."""


class Orders:
    """What the worker says: orders one after the other, and asks about the one under way.

    Args:
        pipe: one line each; when it closes, the process ends.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._orders: SimpleQueue[Order] = SimpleQueue()
        self.asked = threading.Event()
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def next(self) -> Order:
        """Wait for an order."""
        return self._orders.get()

    def _listen(self) -> None:
        for said in self._pipe:
            if said.startswith(b"{"):
                self.asked.clear()  # what was asked was about the order before
                self._orders.put(ORDER.validate_json(said))
            else:
                ASK.validate_json(said)
                self.asked.set()
        os._exit(ORPHANED)


def main(load: Callable[[], Engine]) -> None:
    """Load the engine, wait for an order, carry it out, say how it ended; again if it stays."""
    fd, parent_pid = int(sys.argv[1]), int(sys.argv[2])
    end_with_parent(parent_pid)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    answers = _own_stdout()
    mark = Mark(fd)
    engine = load()
    with open(0, "rb", buffering=0, closefd=False) as pipe:
        orders = Orders(pipe)
        stays = True
        while stays:
            order = orders.next()
            outcome = carry_out(order, engine, mark, orders.asked)
            stays = order.stays and outcome.ending is Ending.SUCCEEDED
            os.write(answers, line(outcome))
        os._exit(0)  # at once: the parent writes the end of the job when this process is gone


def carry_out(order: Order, engine: Engine, mark: Mark, asked: threading.Event) -> Outcome:
    """Run a job to its end, or until *asked* to stop; this is the task boundary.

    Nothing that goes wrong in a run gets past here: its cause becomes the outcome.
    """
    try:
        return _carry_out(order, engine, mark, asked)
    except LeaseLost as error:
        log.warning("%s", error)
        return Outcome(Ending.FENCED)
    except StillAway as error:
        log.error("job %d is left to its lease: %s", order.job_id, without_secrets(str(error)))
        return Outcome(Ending.AWAY)
    except (SearchError, RecordError) as error:
        log.warning("job %d failed: %s", order.job_id, error)
        return Outcome(Ending.FAILED, without_secrets(str(error)))
    except Exception as error:
        log.error("job %d: %s", order.job_id, without_secrets(traceback.format_exc()))
        cause = f"unexpected {type(error).__name__}: {error}; the worker's log says where"
        return Outcome(Ending.FAILED, without_secrets(cause))


def _carry_out(order: Order, engine: Engine, mark: Mark, asked: threading.Event) -> Outcome:
    described = read(lambda session: _described(session, order.job_id), give_up_s=order.give_up_s)
    job, whole = described.job, described.whole
    spec = Spec.model_validate(whole.spec)
    if described.shared is not None:
        spec = _inheriting(spec, described.shared, order)
    plugins = plugin_dir()
    if plugins is not None:
        use_plugins(plugins)
    part = None if job.part is None else engine.part_of(spec, job.part, whole.num_slices)
    step = step_of(described.checkpoint or {})
    course = Course(spec, job.num_trials, step, described.trained)
    mark.move(course.number, course.step)
    memory = RecordedMemory(whole.id, order.give_up_s)
    folder = data_dir()
    tables = persist(lambda _: tables_of(spec, folder), give_up_s=order.give_up_s)
    content = engine.provenance(spec, data_dir=folder, tables=tables, device=spec.device)
    writer = Writer(order, memory, course, content)
    events = engine.run(
        spec,
        data_dir=folder,
        tables=tables,
        memory=memory,
        resume=described.checkpoint,
        device=spec.device,
        failures=order.failures,
        part=part,
    )
    try:
        for event in events:
            course.follow(event)
            mark.move(course.number, course.step)
            writer.add(event)
            if asked.is_set():
                return Outcome(Ending.STOPPED)
    finally:  # however it ended, the job can go on after what the last checkpoint covers
        writer.write_covered()
    writer.write_all()
    return Outcome(Ending.SUCCEEDED, "finished")


@dataclass(frozen=True)
class _Described:
    """What the record says of a job as its process begins.

    Attributes:
        job: or a slice of one.
        whole: the job itself.
        checkpoint: what the job or slice goes on from.
        trained: the supernet that the job has trained.
        shared: the supernet that it is to search as a control.
    """

    job: Job
    whole: Job
    checkpoint: dict[str, Any] | None
    trained: str | None
    shared: str | None


def _described(session: Session, job_id: int) -> _Described:
    job = jobs.job_or_slice(session, job_id)
    whole = job if job.parent_id is None else jobs.job(session, job.parent_id)
    trained = artifacts.trained_by(session, whole.id)
    return _Described(job, whole, job.checkpoint, trained, jobs.supernet_for(session, whole))


def _inheriting(spec: Spec, digest: str, order: Order) -> Spec:
    """A control's spec, with the supernet that its search has trained; on record too."""
    assert spec.supernet is not None
    use = spec.supernet.model_copy(update={"recipe": None, "checkpoint": digest})
    shared = spec.model_copy(update={"supernet": use})
    content = shared.model_dump(mode="json")

    def write(_: int) -> None:
        with transaction() as session:
            jobs.describe_anew(session, order.job_id, order.token, content, shared.digest())

    persist(write, give_up_s=order.give_up_s)
    return shared


@dataclass
class Writer:
    """Writes events in batches, each up to a checkpoint and in one transaction."""

    order: Order
    memory: RecordedMemory
    course: Course
    content: dict[str, Any]

    def __post_init__(self) -> None:
        self._pending = Pending()
        self._written_at = float("-inf")
        self._step = self.course.step
        self._told: str | None = None  # under which provenance the last batch was written

    @property
    def environment(self) -> dict[str, Any]:
        """Under which protocol, and where, what comes now is measured."""
        if self.course.supernet is None:
            return self.content
        known = self.content.get("supernet") or {}
        return {**self.content, "supernet": {**known, "checkpoint": self.course.supernet}}

    def add(self, event: Event) -> None:
        """Take in an event; a batch is written when it is time, or when it is large."""
        self._pending.add(event)
        if self._pending.num_covered and self._is_due():
            self.write_covered()

    def write_covered(self) -> None:
        """Write up to the last checkpoint: the job can go on after what is written."""
        self._write(self._pending.num_covered)

    def write_all(self) -> None:
        """The run has ended: there is nothing to go on with."""
        self._write(len(self._pending.events))

    def _is_due(self) -> bool:
        """Every state of a supernet's training is written: the one before may go away then."""
        is_time = time.monotonic() >= self._written_at + self.order.batch_s
        return is_time or self.course.number is None or len(self._pending.events) >= MAX_PENDING

    def _write(self, num: int) -> None:
        if num == 0:
            return
        events = self._pending.events[:num]
        environment = self.environment
        self._provenance_id = content_id(environment)
        is_new = self._provenance_id != self._told
        batch = batch_of(
            events,
            self._provenance_of,
            {self._provenance_id: environment} if is_new else {},
            environment if is_new else None,
            since_step=self._step,
        )
        persist(lambda tried: self._record(batch, tried), give_up_s=self.order.give_up_s)
        self._pending.forget(num)
        self._written_at = time.monotonic()
        self._told = self._provenance_id
        covered = (event for event in reversed(events) if isinstance(event, Checkpoint))
        self._step = next((event.step for event in covered), self._step)

    def _record(self, batch: trials.Batch, num_tried: int) -> None:
        try:
            with transaction() as session:
                trials.record(session, self.order.job_id, self.order.token, batch)
        except AlreadyRecorded:
            if num_tried == 0:
                raise
            # The commit had happened; only the database's answer was lost.

    def _provenance_of(self, score: Score) -> str | None:
        recalled = self.memory.provenance_of(score.memory_key) if score.from_memory else None
        is_earlier = score.from_memory and not score.is_shared
        return recalled if is_earlier or recalled is not None else self._provenance_id


def _own_stdout() -> int:
    """A way to the parent that no ``print`` of a plug-in gets into: those go to the log."""
    answers = os.dup(1)
    os.dup2(2, 1)
    return answers


def load_engine() -> Engine:
    """Load torch and what belongs to it: while this process waits, not when the job has come."""
    from search import run
    from workers.warm_up import warm_up

    warm_up()
    return run


if __name__ == "__main__":
    main(load_engine)
