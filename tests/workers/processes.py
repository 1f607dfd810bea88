"""Real workers for tests: started, watched, killed; gone when the test is."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from db import jobs
from db.jobs import JobState, NewJob
from db.session import reading, transaction
from search.spec import parse_submission
from workers.queue import send_all
from workers.settings import Settings

FAKE = Settings(
    lease_s=2.0,
    renew_s=0.4,
    watch_s=0.1,
    batch_s=0.05,
    heartbeat_s=0.5,
    sweep_s=0.4,
    unclaimed_after_s=1.5,
    obey_s=1.0,
    kill_s=1.0,
    stuck_s=1.0,
    give_up_s=20.0,
    child=(sys.executable, "-m", "tests.workers.fake_engine"),
    offering=(sys.executable, "-m", "tests.workers.fake_offer"),
)
_START = """
import json, sys
from workers.orphans import end_with_parent
from workers.settings import Settings
from workers.worker import start
end_with_parent(int(sys.argv[2]))
said = json.loads(sys.argv[1])
said |= {name: tuple(said[name]) for name in ("child", "offering")}
sys.exit(start(["cpu"], settings=Settings(**said)))
"""
_ROOT = Path(__file__).parents[2]


class WorkerProcess:
    """A worker in a process session of its own, as a service manager would start it."""

    def __init__(self, settings: Settings = FAKE) -> None:
        self._log = tempfile.NamedTemporaryFile(mode="w+b", suffix=".log")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps(asdict(settings)), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=_ROOT,
        )
        self.pid = self._process.pid
        self.seen: set[psutil.Process] = set()

    def pool(self) -> list[psutil.Process]:
        """The processes that carry out tasks."""
        return [process for process in self._children() if process.pid != self._offering_pid()]

    def runners(self) -> list[psutil.Process]:
        """The processes that run jobs, or wait for one."""
        return [child for process in self.pool() for child in _children_of(process)]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the worker's main process."""
        self.look()
        os.kill(self.pid, number)

    def interrupt(self) -> None:
        """Ctrl-C: every process of the session gets SIGINT."""
        self.look()
        os.killpg(self.pid, signal.SIGINT)

    def kill_main(self) -> None:
        """``kill -9`` of the main process alone; returns when it is gone."""
        self.signal(signal.SIGKILL)
        self._process.wait()

    def terminate(self) -> None:
        """As a service manager stops it."""
        self.signal(signal.SIGTERM)

    def is_alive(self) -> bool:
        """Whether its main process runs."""
        return self._process.poll() is None

    def wait(self, timeout_s: float = 180.0) -> int:
        """Its exit status, once it has ended."""
        return self._process.wait(timeout_s)

    def look(self) -> None:
        """Remember which processes belong to this worker."""
        self.seen |= {*self._children(), *self.runners()}

    def survivors(self) -> list[psutil.Process]:
        """Processes of this worker that still run."""
        return [p for p in self.seen if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    def log(self) -> str:
        """What it has written."""
        return Path(self._log.name).read_text(errors="replace")

    def kill(self) -> None:
        """End it and all that belongs to it; for the end of a test."""
        self.look()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for process in self.survivors():
            _kill(process)
        self._log.close()

    def _children(self) -> list[psutil.Process]:
        try:
            return _children_of(psutil.Process(self.pid))
        except psutil.NoSuchProcess:
            return []

    def _offering_pid(self) -> int | None:
        return next((p.pid for p in self._children() if _is_offering(p)), None)


@contextmanager
def worker(settings: Settings = FAKE) -> Iterator[WorkerProcess]:
    """A worker that is ended with the block; its log is shown when the block fails."""
    started = WorkerProcess(settings)
    try:
        yield started
    except BaseException:
        sys.stderr.write(started.log())
        raise
    finally:
        started.kill()


def wait_until(is_done: Callable[[], Any], timeout_s: float = 180.0) -> Any:
    """What *is_done* gives, once it is true."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = is_done()
        if found:
            return found
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.02)


def fake_spec(trials: int = 20, *, timeout_s: float = 600.0, **params: Any) -> dict[str, Any]:
    """A spec whose strategy's parameters tell the fake engine what to do."""
    return {
        "name": "fake",
        "space": {"name": "nasbench201"},
        "objectives": [{"metric": "synflow", "direction": "maximize"}],
        "strategy": {"name": "random", "params": params},
        "budget": {"trials": trials, "trial_timeout_s": timeout_s},
    }


def queue_job(spec: dict[str, Any], *, is_sent: bool = True, **values: int) -> int:
    """Put a job into the record without asking a catalogue, and send it or its slices."""
    (parsed,) = parse_submission(spec).specs()
    new = NewJob(
        name=parsed.name,
        owner="local",
        project="default",
        spec=parsed.model_dump(mode="json"),
        space=parsed.space.name,
        strategy=parsed.strategy.name,
        spec_digest=parsed.digest(),
        seed=parsed.seed,
        **values,
    )
    with transaction() as session:
        job_id = jobs.add_job(session, new).id
        ready = jobs.to_send(session, job_id)
    if is_sent:
        send_all(ready)
    return job_id


def state(job_id: int) -> JobState:
    """The state a job is in."""
    with reading() as session:
        return jobs.job(session, job_id).state


def is_in(job_id: int, *states: JobState) -> Callable[[], bool]:
    """Whether a job is in one of these states; fails at once when it has ended otherwise."""

    def look() -> bool:
        with reading() as session:
            job = jobs.job(session, job_id)
        if job.state in states:
            return True
        assert job.state not in jobs.ENDED, f"job {job_id} is {job.state}: {job.reason}"
        return False

    return look


def num_trials(job_id: int) -> int:
    """How many trials are recorded."""
    with reading() as session:
        return jobs.job(session, job_id).num_trials


def _children_of(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []


def _is_offering(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[1:2] == ["-m"]
    except psutil.NoSuchProcess:
        return False


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
