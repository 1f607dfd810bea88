"""A search that trains, by real workers that are killed and paused in its trainings."""

import re
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db import jobs, trials
from db.jobs import JobState
from db.session import reading
from search.events import Trial
from search.run import run
from search.spaces import spaces
from search.spec import Spec, parse_submission
from tests.workers.processes import FAKE, WorkerProcess, is_in, queue_job, wait_until
from workers import queue
from workers.settings import CHILD

# Slow, because real workers load torch, are killed, and wait for the lease of the dead.
pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(1200)]

SETTINGS = replace(FAKE, lease_s=4.0, renew_s=0.5, obey_s=60.0, threads=1, child=CHILD)
PATIENCE_S = 400.0
SPACE = spaces["nasbench201"]
RECIPE = {"epochs": 60, "train_size": 100, "batch_size": 32, "lr": 0.05}
SPEC = {
    "name": "chaos in trainings",
    "space": {"name": "nasbench201"},
    "network": {"channels": 4, "cells": 1},
    "data": {"name": "digits", "batch_size": 8},
    "objectives": [{"metric": "accuracy", "params": RECIPE}],
    "strategy": {
        "name": "listed",
        "params": {"archs": [SPACE.encode(SPACE.at(index)) for index in (4000, 9000)]},
    },
    "budget": {"trials": 2},
}


@pytest.fixture
def workers() -> Iterator[list[WorkerProcess]]:
    """Workers that are ended with the test; the last one runs."""
    started = [WorkerProcess(SETTINGS)]
    yield started
    sys.stderr.write("\n".join(worker.log() for worker in started))
    for worker in started:
        worker.kill()


def epoch_of(job_id: int, number: int) -> int:
    """The epoch that a trial is in, as the page of the search shows it."""
    with reading() as session:
        job = jobs.job(session, job_id)
    if job.num_trials > number:
        raise AssertionError(f"trial {number} has ended too early for this test")
    found = re.search(r"epoch (\d+) of", job.progress_text)
    return int(found[1]) if found and job.num_trials == number else 0


def until_epoch(job_id: int, number: int, epoch: int) -> None:
    wait_until(lambda: epoch_of(job_id, number) >= epoch, PATIENCE_S)


def found_by(job_id: int) -> list[tuple[float | None, dict[str, object], list[int]]]:
    with reading() as session:
        scores = [trials.trial(session, job_id, number).scores[0] for number in range(2)]
    return [
        (score.value, score.details["curve"], score.details["resumed_after_epochs"])
        for score in scores
        if score.details
    ]


def undisturbed(folder: Path) -> list[tuple[float | None, dict[str, object]]]:
    spec = Spec.model_validate(parse_submission(SPEC).model_dump(exclude={"seeds", "control"}))
    ended = [event for event in run(spec, data_dir=folder) if isinstance(event, Trial)]
    return [(trial.scores[0].value, trial.scores[0].details["curve"]) for trial in ended]


@pytest.mark.usefixtures("sqlite_url")
def test_a_training_survives_kills_and_a_pause_bit_for_bit(
    workers: list[WorkerProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("BROKER_URL", raising=False)
    job_id = queue_job(SPEC)

    until_epoch(job_id, 0, 2)
    for process in workers[-1].runners():
        process.kill()
        process.wait()
    until_epoch(job_id, 0, epoch_of(job_id, 0) + 1)  # said by the next process, as it goes on
    until_epoch(job_id, 0, epoch_of(job_id, 0) + 2)  # and it has ended an epoch of its own
    asked_at = time.monotonic()
    queue.pause(job_id)
    wait_until(is_in(job_id, JobState.PAUSED), PATIENCE_S)
    obeyed_s = time.monotonic() - asked_at
    queue.resume(job_id)
    until_epoch(job_id, 1, 3)
    workers[-1].signal(signal.SIGKILL)
    workers.append(WorkerProcess(SETTINGS))
    wait_until(is_in(job_id, JobState.SUCCEEDED), PATIENCE_S)

    found = found_by(job_id)
    assert [(value, curve) for value, curve, _ in found] == undisturbed(tmp_path)
    first, second = (resumed for _, _, resumed in found)
    assert 0 < first[0] < first[1]
    assert second[0] >= 2
    assert obeyed_s < SETTINGS.obey_s, "it was ended by force"
