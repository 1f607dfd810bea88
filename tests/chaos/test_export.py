"""A search that exports, by a real worker whose process is killed while it trains for that."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db import artifacts, jobs
from db.jobs import JobState
from db.session import reading
from search.artifacts import FOLDER, digest_of
from tests.chaos.alone import events_alone
from tests.workers.processes import (
    FAKE,
    WorkerProcess,
    is_in,
    num_trials,
    queue_job,
    wait_until,
)
from workers.settings import CHILD

# Slow, because real workers load torch and are killed.
pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(1200)]

SETTINGS = replace(FAKE, lease_s=4.0, renew_s=0.5, obey_s=8.0, threads=1, child=CHILD)
PATIENCE_S = 400.0
RECIPE = {"epochs": 15, "train_size": 200, "batch_size": 32, "lr": 0.05}
SPEC = {
    "name": "chaos in exports",
    "space": {"name": "elastic_tiny"},
    "data": {"name": "digits", "batch_size": 8},
    "objectives": [{"metric": "accuracy", "params": RECIPE}],
    "strategy": {
        "name": "listed",
        "params": {"archs": ["w32d2k3e1-w16d1k1e1", "w32d1k3e1-w16d2k3e1"]},
    },
    "budget": {"trials": 2},
    "export": {"weights": "accuracy", "formats": ["pytorch"]},
}


@pytest.fixture
def worker(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerProcess]:
    """One that runs, and is ended with the test."""
    monkeypatch.delenv("BROKER_URL", raising=False)
    started = WorkerProcess(SETTINGS)
    yield started
    sys.stderr.write(started.log())
    started.kill()


def is_training(job_id: int, number: int) -> bool:
    with reading() as session:
        job = jobs.job(session, job_id)
    return job.num_trials == number and "epoch" in (job.progress_text or "")


@pytest.mark.usefixtures("sqlite_url")
def test_killed_processes_leave_every_file_once(worker: WorkerProcess, data_dir: Path):
    job_id = queue_job(SPEC)

    for number in range(2):
        wait_until(lambda number=number: is_training(job_id, number), PATIENCE_S)
        for process in worker.runners():
            process.kill()
    wait_until(is_in(job_id, JobState.SUCCEEDED), PATIENCE_S)

    with reading() as session:
        found = [(a.kind, a.number, a.digest) for a in artifacts.artifacts(session, job_id)]
    expected = [(a["kind"], a["number"], a["digest"]) for a in events_alone(SPEC)["Artifact"]]
    files = sorted((data_dir / FOLDER).iterdir())
    assert num_trials(job_id) == 2
    assert found == expected
    assert [path.stem for path in files] == sorted(digest for _, _, digest in expected)
    assert all(digest_of(path.read_bytes()) == path.stem for path in files)
