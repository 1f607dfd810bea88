"""A search over ground that was searched before, against the first search over it."""

import time

from benchmarks._workers import is_ready, job, record, until, workers
from db.jobs import JobState
from search.spec import parse_submission
from workers.queue import submit

NUM_TRIALS = 1_000
SPEC = {
    "name": "memory",
    "space": {"name": "nasbench201"},
    "network": {"channels": 8, "cells": 1},
    "data": {"name": "digits", "batch_size": 32},
    "objectives": ["params", "snip", "nwot"],
    "strategy": {"name": "exhaustive"},
    "budget": {"trials": NUM_TRIALS},
}


def rows() -> list[dict[str, object]]:
    """Measure both with one worker of one thread, on SQLite and the embedded broker."""
    with record(), workers(1, threads=1) as (worker,):
        first = search_s("first")
        until(lambda: is_ready(worker))
        second = search_s("second")
    return [
        {
            "name": "memory_reuse",
            "ours": second,
            "theirs": first,
            "ratio": first / second,
            "unit": "s",
            "what": f"{NUM_TRIALS} trials of params, snip and nwot that an earlier search has "
            "measured, submission to last trial, one worker; theirs: that earlier search",
        }
    ]


def search_s(name: str) -> float:
    """Seconds from submission to the end."""
    start = time.perf_counter()
    (job_id,) = submit(parse_submission({**SPEC, "name": name}))
    until(lambda: job(job_id).state is JobState.SUCCEEDED, every_s=0.05)
    return time.perf_counter() - start


if __name__ == "__main__":
    for row in rows():
        print(row)
