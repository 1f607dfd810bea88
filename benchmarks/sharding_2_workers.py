"""A sweep shared by two workers of one thread each, against one worker of one thread."""

import time

from benchmarks._workers import job, record, until, workers
from db.jobs import JobState
from search.spec import parse_submission
from workers.queue import submit

NUM_TRIALS = 2_000
SPEC = {
    "name": "sharding",
    "space": {"name": "nasbench201"},
    "network": {"channels": 8, "cells": 1},
    "data": {"name": "digits", "batch_size": 32},
    "objectives": ["snip", "nwot"],
    "strategy": {"name": "random"},
    "budget": {"trials": NUM_TRIALS},
}


def rows() -> list[dict[str, object]]:
    """Measure both on SQLite and the embedded broker, each on a record of its own."""
    alone, num_slices = sweep_s(1)
    together, _ = sweep_s(2)
    return [
        {
            "name": "sharding_2_workers",
            "ours": together,
            "theirs": alone,
            "ratio": alone / together,
            "unit": "s",
            "what": f"{NUM_TRIALS} trials of snip and nwot in {num_slices} slices, submission to "
            "last trial, two worker processes of one thread; theirs: one of one thread",
        }
    ]


def sweep_s(num_workers: int) -> tuple[float, int]:
    """Seconds from submission to the end, and how many slices there were."""
    with record(), workers(num_workers, threads=1):
        start = time.perf_counter()
        (job_id,) = submit(parse_submission(SPEC))
        until(lambda: job(job_id).state is JobState.SUCCEEDED, every_s=0.2)
        return time.perf_counter() - start, job(job_id).num_slices


if __name__ == "__main__":
    for row in rows():
        print(row)
