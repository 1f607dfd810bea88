"""From submit to a running job and to its first trial: a warm process, against a cold one.

With the embedded broker, and with Redis where its server is installed.
"""

import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from benchmarks._workers import CHILD, is_ready, job, record, until, workers
from db import jobs
from db.jobs import JobState
from search.spec import parse_submission
from workers.queue import submit

NUM_SUBMISSIONS = 5
SPEC = {
    "name": "benchmark",
    "space": {"name": "nasbench201"},
    "network": {"channels": 4, "cells": 1},
    "data": {"name": "digits", "batch_size": 16},
    "objectives": ["params", "synflow"],
    "strategy": {"name": "random"},
    "budget": {"trials": 3},
}
# Loads nothing before the order has come: a process that is started for its job.
COLD = """child = (sys.executable, "-c", "import select, runpy; select.select([0], [], []); "
         "runpy.run_module('workers.run_job', run_name='__main__')")"""
_COLD_WORDS = "a process that loads torch when the job has come"


def rows() -> list[dict[str, object]]:
    """Measure on SQLite, in temporary folders."""
    ours, theirs = medians(CHILD), medians(COLD)
    what = f"embedded broker, idle worker, median of {NUM_SUBMISSIONS} submissions; theirs: "
    found = [
        _row("submit_to_running_s", ours[0], theirs[0], f"{what}{_COLD_WORDS}"),
        _row("submit_to_first_trial_s", ours[1], theirs[1], f"{what}{_COLD_WORDS}"),
    ]
    program = shutil.which("redis-server")
    if program is not None:
        with _redis(program) as url:
            fast = medians(CHILD, url)
        what = f"Redis, idle worker, median of {NUM_SUBMISSIONS} submissions; theirs: "
        found += [
            _row("submit_to_running_redis_s", fast[0], ours[0], f"{what}the embedded broker"),
            _row("submit_to_first_trial_redis_s", fast[1], ours[1], f"{what}the embedded broker"),
        ]
    return found


def medians(child: str, broker_url: str = "") -> tuple[float, float]:
    """Seconds to the lease and to the first recorded trial."""
    with record(broker_url), workers(1, child=child) as (worker,):
        times = []
        for seed in range(NUM_SUBMISSIONS):
            until(lambda: is_ready(worker))
            times.append(_submission_s(seed))
    running, first = zip(*times, strict=True)
    return statistics.median(running), statistics.median(first)


def _row(name: str, ours: float, theirs: float, what: str) -> dict[str, object]:
    return {
        "name": name,
        "ours": ours,
        "theirs": theirs,
        "ratio": theirs / ours,
        "unit": "s",
        "what": what,
    }


def _submission_s(seed: int) -> tuple[float, float]:
    start = time.perf_counter()
    (job_id,) = submit(parse_submission({**SPEC, "seed": seed}))
    until(lambda: job(job_id).state is not JobState.QUEUED)
    running_s = time.perf_counter() - start
    until(lambda: job(job_id).num_trials > 0)
    first_s = time.perf_counter() - start
    until(lambda: job(job_id).state in jobs.ENDED)
    return running_s, first_s


@contextmanager
def _redis(program: str) -> Iterator[str]:
    """The address of a Redis of our own that keeps nothing on disk."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [program, *options, "--dir", folder], stdout=subprocess.DEVNULL
        ) as server,
    ):
        try:
            until(lambda: _is_up(port))
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()


def _is_up(port: int) -> bool:
    with redis.Redis(port=port) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False


if __name__ == "__main__":
    for row in rows():
        print(row)
