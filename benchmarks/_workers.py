"""Real worker processes on a record of their own, for benchmarks."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psutil

from db import jobs, session
from db.workers import living
from workers.catalogue import catalogue

PATIENCE_S = 600.0
CHILD = "from workers.settings import CHILD as child"
_WORKER = """
import sys
from workers.orphans import end_with_parent
from workers.settings import Settings
from workers.worker import start
end_with_parent(int(sys.argv[1]))
{child}
sys.exit(start(["cpu"], settings=Settings(child=child, threads=int(sys.argv[2]) or None)))
"""
_NAMES = ("DATA_DIR", "DATABASE_URL", "BROKER_URL")


@contextmanager
def record(broker_url: str = "") -> Iterator[None]:
    """An empty record on SQLite in a temporary folder; the embedded broker unless one is given."""
    before = {name: os.environ.get(name) for name in _NAMES}
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update({"DATA_DIR": folder, "DATABASE_URL": "", "BROKER_URL": broker_url})
        session.upgrade()
        try:
            yield
        finally:
            session.dispose()
            os.environ.update({name: value or "" for name, value in before.items()})


@contextmanager
def workers(num: int, *, threads: int = 0, child: str = CHILD) -> Iterator[list[psutil.Process]]:
    """So many workers, ready for a job.

    Args:
        num: how many.
        threads: of each; 0 leaves it to the worker.
        child: Python that says which command runs a job.
    """
    command = [sys.executable, "-c", _WORKER.format(child=child), str(os.getpid()), str(threads)]
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile())
        started = [subprocess.Popen(command, stdout=log, stderr=log) for _ in range(num)]
        try:
            found = [psutil.Process(process.pid) for process in started]
            until(lambda: _num_offers() == num)
            until(lambda: all(is_ready(worker) for worker in found))
            yield found
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait()


def job(job_id: int) -> jobs.Job:
    """The job of this number."""
    with session.reading() as opened:
        return jobs.job(opened, job_id)


def until(is_done: Callable[[], bool], *, every_s: float = 0.005) -> None:
    """Wait for something to come true.

    Args:
        is_done: whether it has; asking costs the measured processes time on a machine that
            they fill.
        every_s: how long to wait between two looks.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not is_done():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(every_s)


def _num_offers() -> int:
    with session.reading() as opened:
        return len(living(opened)) if catalogue(opened).plugins else 0


def is_ready(worker: psutil.Process) -> bool:
    """Whether the worker's processes have nothing left to load."""
    try:
        waiting = worker.children(recursive=True)
        before = [sum(process.cpu_times()[:2]) for process in waiting]
        time.sleep(0.5)
        return len(waiting) == 2 and before == [sum(p.cpu_times()[:2]) for p in waiting]
    except psutil.NoSuchProcess:
        return False
