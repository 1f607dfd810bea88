"""A sweep shared by two real workers, one of which is killed, against the same sweep alone."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest

from db import jobs, trials
from db.jobs import JobState
from db.session import reading
from tests.chaos.alone import trials_alone
from tests.workers.brokers import Broker
from tests.workers.processes import (
    FAKE,
    WorkerProcess,
    is_in,
    queue_job,
    wait_until,
    worker,
)
from workers.settings import CHILD

# Real processes that load torch, and a lease that has to end before a killed worker is missed.
pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(1200)]

SETTINGS = replace(FAKE, lease_s=3.0, renew_s=0.5, obey_s=4.0, threads=1, child=CHILD)
NUM_TRIALS = 160
NUM_SLICES = 5
PATIENCE_S = 400.0
SWEEP = {
    "name": "chaos",
    "space": {"name": "nasbench201"},
    "network": {"channels": 16, "cells": 2},
    "data": {"name": "digits", "batch_size": 32},
    "objectives": ["params", "epsinas", "snip"],
    "strategy": {"name": "exhaustive"},
    "budget": {"trials": NUM_TRIALS},
    "seed": 5,
}


@pytest.fixture(scope="module")
def uncut() -> list[list[object]]:
    """Every trial of the sweep when it runs whole and alone."""
    return [
        [
            t["number"],
            t["arch_key"],
            t["state"],
            [[s["status"], s["value"], s["from_memory"]] for s in t["scores"]],
        ]
        for t in trials_alone(SWEEP)
    ]


@pytest.fixture
def two_workers(broker: Broker, database_url: str) -> Iterator[list[WorkerProcess]]:
    with ExitStack() as stack:
        yield [stack.enter_context(worker(SETTINGS)) for _ in range(2)]


def recorded(job_id: int) -> list[list[object]]:
    with reading() as session:
        found = [trials.trial(session, job_id, number) for number in range(NUM_TRIALS)]
    return [
        [
            line.number,
            line.arch_key,
            line.state,
            [[s.status, s.value, s.from_memory] for _, s in sorted(line.scores.items())],
        ]
        for line in found
    ]


def are_amid_slices(job_id: int) -> bool:
    """Both workers have begun a slice, and neither is near its end."""
    with reading() as session:
        running = jobs.slices_of(session, [job_id], [JobState.RUNNING])
    workers = {found.worker_id for found in running}
    return len(workers) == 2 and all(0 < found.progress < 0.5 for found in running)


def test_a_killed_worker_costs_a_slice_and_nothing_is_lost_or_doubled(
    two_workers: list[WorkerProcess], uncut: list[list[object]]
):
    job_id = queue_job(SWEEP, num_slices=NUM_SLICES)
    wait_until(lambda: are_amid_slices(job_id), PATIENCE_S)

    two_workers[0].kill_main()
    wait_until(is_in(job_id, JobState.SUCCEEDED), PATIENCE_S)

    assert recorded(job_id) == uncut
    with reading() as session:
        job = jobs.job(session, job_id)
        measured = trials.columns(session, job_id)
        slices = [
            jobs.job_or_slice(session, found.id) for found in jobs.slices_of(session, [job_id])
        ]
        log = [line.message for line in trials.log_tail(session, job_id)]
    assert job.num_trials == len(np.unique(measured.numbers)) == NUM_TRIALS
    assert sum(found.attempt for found in slices) == NUM_SLICES + 1
    assert any("nothing was heard of worker" in line for line in log)
