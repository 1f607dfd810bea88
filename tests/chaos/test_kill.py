"""A search by real workers that are killed at random, against the same search undisturbed."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from db import jobs, trials
from db.jobs import JobState
from db.session import reading
from tests.chaos.alone import trials_alone
from tests.workers.brokers import Broker
from tests.workers.processes import FAKE, WorkerProcess, is_in, num_trials, queue_job, wait_until
from workers.settings import CHILD

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(1200)]

SETTINGS = replace(FAKE, lease_s=3.0, renew_s=0.5, obey_s=4.0, threads=1, child=CHILD)
NUM_TRIALS = 160
PATIENCE_S = 400.0
SPEC = {
    "name": "chaos",
    "space": {"name": "nasbench201"},
    "network": {"channels": 4, "cells": 2},
    "data": {"name": "digits", "batch_size": 16},
    "objectives": ["params", "synflow", "snip", "nwot"],
    "strategy": {"name": "regularized_evolution"},
    "budget": {"trials": NUM_TRIALS},
    "seed": 5,
}


@pytest.fixture(scope="module")
def undisturbed() -> list[list[object]]:
    """Every trial of the search when nothing happens to it."""
    return [
        [t["number"], t["arch_key"], t["state"], t["parents"], [s["value"] for s in t["scores"]]]
        for t in trials_alone(SPEC)
    ]


class Chaos:
    """Workers, and what may happen to them; one of them always runs."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._workers = [WorkerProcess(SETTINGS)]

    @property
    def _worker(self) -> WorkerProcess:
        return self._workers[-1]

    def kill_worker(self) -> None:
        """``kill -9`` of the main process; somebody starts another one."""
        self._worker.look()
        self._worker.kill_main()
        wait_until(lambda: not self._worker.survivors())
        self._workers.append(WorkerProcess(SETTINGS))

    def kill_pool(self) -> None:
        """``kill -9`` of the process that watches the job."""
        for process in self._worker.pool():
            process.kill()

    def kill_runner(self) -> None:
        """``kill -9`` of the process that runs the job."""
        for process in self._worker.runners():
            process.kill()

    def restart_broker(self) -> None:
        """Whatever it held is gone."""
        self._broker.restart()

    def end(self) -> str:
        """End all workers; what they have written."""
        logs = [worker.log() for worker in self._workers]
        for worker in self._workers:
            worker.kill()
        return "\n".join(logs)


@pytest.fixture
def chaos(broker: Broker, database_url: str) -> Iterator[Chaos]:
    made = Chaos(broker)
    yield made
    sys.stderr.write(made.end())


def recorded(job_id: int) -> list[list[object]]:
    with reading() as session:
        found = [trials.trial(session, job_id, number) for number in range(NUM_TRIALS)]
        values = trials.columns(session, job_id).values
    rows = np.where(np.isnan(values), None, values.astype(object)).tolist()
    return [
        [line.number, line.arch_key, line.state, list(line.parents), row]
        for line, row in zip(found, rows, strict=True)
    ]


def calamities(chaos: Chaos, rng: np.random.Generator) -> list[tuple[int, Callable[[], None]]]:
    """What happens, and after how many trials; in any order."""
    kinds = [chaos.kill_worker, chaos.kill_pool, chaos.kill_runner, chaos.restart_broker]
    kinds.append(kinds[rng.integers(3)])
    moments = sorted(rng.choice(range(1, NUM_TRIALS * 3 // 4), size=len(kinds), replace=False))
    return [(int(m), kinds[place]) for m, place in zip(moments, rng.permutation(5), strict=True)]


def test_a_search_survives_whatever_is_killed(
    chaos: Chaos, database_url: str, undisturbed: list[list[object]]
):
    rng = np.random.default_rng(sum(database_url[:8].encode()))
    job_id = queue_job(SPEC)

    for moment, strike in calamities(chaos, rng):
        wait_until(lambda moment=moment: num_trials(job_id) >= moment, PATIENCE_S)
        strike()
    wait_until(is_in(job_id, JobState.SUCCEEDED), PATIENCE_S)

    assert recorded(job_id) == undisturbed
    with reading() as session:
        assert jobs.job(session, job_id).num_trials == NUM_TRIALS
