"""From submit to a running job and to its first trial: a warm process, against a cold one."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from db import jobs, session
from db.jobs import JobState
from search.spec import parse_submission
from workers.catalogue import catalogue
from workers.queue import submit

NUM_SUBMISSIONS = 5
PATIENCE_S = 120.0
SPEC = {
    "name": "benchmark",
    "space": {"name": "nasbench201"},
    "network": {"channels": 4, "cells": 1},
    "data": {"name": "digits", "batch_size": 16},
    "objectives": ["params", "synflow"],
    "strategy": {"name": "random"},
    "budget": {"trials": 3},
}
WARM = "from workers.settings import CHILD as child"
# Loads nothing before the order has come: a process that is started for its job.
COLD = """child = (sys.executable, "-c", "import select, runpy; select.select([0], [], []); "
         "runpy.run_module('workers.run_job', run_name='__main__')")"""
_WORKER = """
import sys
from workers.orphans import end_with_parent
from workers.settings import Settings
from workers.worker import start
end_with_parent(int(sys.argv[1]))
{child}
sys.exit(start(["cpu"], settings=Settings(child=child)))
"""


def rows() -> list[dict[str, object]]:
    """Measure both on SQLite and the embedded broker, in temporary folders."""
    ours, theirs = medians(WARM), medians(COLD)
    what = "embedded broker, idle worker, median of {n} submissions; theirs: {other}"
    other = "a process that loads torch when the job has come"
    return [
        {
            "name": name,
            "ours": mine,
            "theirs": cold,
            "ratio": cold / mine,
            "unit": "s",
            "what": what.format(n=NUM_SUBMISSIONS, other=other),
        }
        for name, mine, cold in zip(
            ("submit_to_running_s", "submit_to_first_trial_s"), ours, theirs, strict=True
        )
    ]


def medians(child: str) -> tuple[float, float]:
    """Seconds to the lease and to the first recorded trial."""
    with _worker(child) as worker:
        times = []
        for seed in range(NUM_SUBMISSIONS):
            _until(lambda: _is_ready(worker))
            times.append(_submission_s(seed))
    running, first = zip(*times, strict=True)
    return statistics.median(running), statistics.median(first)


def _submission_s(seed: int) -> tuple[float, float]:
    start = time.perf_counter()
    (job_id,) = submit(parse_submission({**SPEC, "seed": seed}))
    _until(lambda: _job(job_id).state is not JobState.QUEUED)
    running_s = time.perf_counter() - start
    _until(lambda: _job(job_id).num_trials > 0)
    first_s = time.perf_counter() - start
    _until(lambda: _job(job_id).state in jobs.ENDED)
    return running_s, first_s


@contextmanager
def _worker(child: str) -> Iterator[psutil.Process]:
    before = {name: os.environ.get(name) for name in ("DATA_DIR", "DATABASE_URL", "BROKER_URL")}
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/log", "wb") as log:
        os.environ.update({"DATA_DIR": folder, "DATABASE_URL": "", "BROKER_URL": ""})
        session.upgrade()
        process = subprocess.Popen(
            [sys.executable, "-c", _WORKER.format(child=child), str(os.getpid())],
            stdout=log,
            stderr=log,
        )
        try:
            _until(_is_offered)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()
            session.dispose()
            os.environ.update({name: value or "" for name, value in before.items()})


def _is_offered() -> bool:
    with session.reading() as opened:
        return bool(catalogue(opened).plugins)


def _is_ready(worker: psutil.Process) -> bool:
    """Whether the worker's processes have nothing left to load."""
    try:
        waiting = worker.children(recursive=True)
        before = [sum(process.cpu_times()[:2]) for process in waiting]
        time.sleep(0.5)
        return len(waiting) == 2 and before == [sum(p.cpu_times()[:2]) for p in waiting]
    except psutil.NoSuchProcess:
        return False


def _job(job_id: int) -> jobs.Job:
    with session.reading() as opened:
        return jobs.job(opened, job_id)


def _until(is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_done():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.005)


if __name__ == "__main__":
    for row in rows():
        print(row)
