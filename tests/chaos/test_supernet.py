"""A search that trains a supernet first, by real workers that are killed in both of its parts."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from db import artifacts, jobs, trials
from db.jobs import JobState
from db.metrics import metrics
from db.session import reading
from db.snapshots import snapshot_names, snapshots
from search.events import step_of
from tests.chaos.alone import events_alone
from tests.chaos.conftest import ONE_MACHINE, TEAM
from tests.workers.brokers import Broker
from tests.workers.processes import (
    FAKE,
    WorkerProcess,
    is_in,
    num_trials,
    queue_job,
    wait_until,
)
from workers.settings import CHILD

# Slow, because real workers load torch, are killed, and wait for the lease of the dead.
pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(1200)]

SETTINGS = replace(FAKE, lease_s=3.0, renew_s=0.5, obey_s=4.0, threads=1, child=CHILD)
PATIENCE_S = 400.0
NUM_TRIALS = 160
TIMED = "images per second"  # the one metric that is of the clock
SPEC = {
    "name": "chaos in a supernet",
    "space": {"name": "elastic_tiny"},
    "data": {"name": "digits", "batch_size": 8},
    "objectives": [
        {"metric": "supernet_validation_accuracy", "params": {"calibration_batches": 1}},
        "macs",
    ],
    "strategy": {"name": "regularized_evolution"},
    "budget": {"trials": NUM_TRIALS},
    "supernet": {
        "recipe": {"name": "bignas", "params": {"epochs": 6}},
        "probes": 4,
        "looks": 4,
    },
    "seed": 3,
}


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    """What the search finds and tells when nothing happens to it."""
    found = events_alone(SPEC)
    series: dict[str, list[list[float]]] = {}
    for point in found["Metric"]:
        series.setdefault(point["name"], []).append([point["step"], point["value"]])
    return {
        "trials": [
            [
                t["number"],
                t["arch_key"],
                t["state"],
                t["parents"],
                [s["value"] for s in t["scores"]],
            ]
            for t in found["Trial"]
        ],
        "metrics": {name: points for name, points in series.items() if name != TIMED},
        "snapshots": [[s["name"], s["step"], s["content"]] for s in found["Snapshot"]],
        "artifacts": [[a["kind"], a["digest"], a["info"]] for a in found["Artifact"]],
    }


@pytest.fixture
def workers(broker: Broker, database_url: str) -> Iterator[list[WorkerProcess]]:
    """Workers that are ended with the test; the last one runs."""
    started = [WorkerProcess(SETTINGS)]
    yield started
    sys.stderr.write("\n".join(worker.log() for worker in started))
    for worker in started:
        worker.kill()


def until_trained(job_id: int, step: int) -> None:
    """Wait until a checkpoint of the training is on record, but not its end."""

    def look() -> bool:
        with reading() as session:
            found = jobs.job(session, job_id).checkpoint or {}
        assert "run" not in found, "the training has ended too early for this test"
        return step_of(found) >= step

    wait_until(look, PATIENCE_S)


def recorded(job_id: int) -> dict[str, Any]:
    with reading() as session:
        rows = [trials.trial(session, job_id, number) for number in range(NUM_TRIALS)]
        series = metrics(session, job_id)
        told = [
            [name, one.step, one.content]
            for name in snapshot_names(session, job_id)
            for one in snapshots(session, job_id, name)
        ]
        made = artifacts.artifacts(session, job_id)
        under = {row.scores[0].provenance_id or "" for row in rows}
        inherited = {
            one["supernet"]["checkpoint"] for one in trials.provenance(session, under).values()
        }
    assert inherited == {row.digest for row in made}
    return {
        "trials": [
            [
                row.number,
                row.arch_key,
                row.state,
                list(row.parents),
                [row.scores[place].value for place in sorted(row.scores)],
            ]
            for row in rows
        ],
        "metrics": {n: [list(point) for point in series[n]] for n in series if n != TIMED},
        "snapshots": told,
        "artifacts": [[row.kind, row.digest, row.info] for row in made],
    }


def assert_equal(found: dict[str, Any], undisturbed: dict[str, Any]) -> None:
    assert found["artifacts"] == undisturbed["artifacts"]
    assert found["metrics"] == undisturbed["metrics"]
    assert sorted(found["snapshots"], key=str) == sorted(undisturbed["snapshots"], key=str)
    assert found["trials"] == undisturbed["trials"]


@pytest.mark.parametrize("services", [ONE_MACHINE], indirect=True)
def test_killed_processes_change_nothing(
    workers: list[WorkerProcess], undisturbed: dict[str, Any]
):
    job_id = queue_job(SPEC)

    until_trained(job_id, 1)
    _kill_runners(workers[-1])
    wait_until(lambda: num_trials(job_id) >= 20, PATIENCE_S)
    _kill_runners(workers[-1])
    wait_until(is_in(job_id, JobState.SUCCEEDED), PATIENCE_S)

    assert_equal(recorded(job_id), undisturbed)
    with reading() as session:
        assert jobs.job(session, job_id).attempt == 1


@pytest.mark.parametrize("services", [TEAM], indirect=True)
def test_killed_workers_change_nothing(workers: list[WorkerProcess], undisturbed: dict[str, Any]):
    job_id = queue_job(SPEC)

    until_trained(job_id, 1)
    _replace_worker(workers)
    wait_until(lambda: num_trials(job_id) >= 20, PATIENCE_S)
    _replace_worker(workers)
    wait_until(is_in(job_id, JobState.SUCCEEDED), PATIENCE_S)

    assert_equal(recorded(job_id), undisturbed)
    with reading() as session:
        assert jobs.job(session, job_id).attempt == 3


def _kill_runners(worker: WorkerProcess) -> None:
    for process in worker.runners():
        process.kill()


def _replace_worker(workers: list[WorkerProcess]) -> None:
    workers[-1].kill_main()
    workers.append(WorkerProcess(SETTINGS))
