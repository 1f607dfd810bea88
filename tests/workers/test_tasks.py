"""The task as a function, with real processes that run the fake engine."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from db import artifacts, jobs, trials
from db.jobs import JobState
from db.metrics import metrics
from db.session import reading, transaction
from db.snapshots import Kept, snapshot_names
from tests import services
from tests.workers.fake_engine import SUPERNET, value
from tests.workers.processes import (
    FAKE,
    fake_spec,
    is_in,
    num_trials,
    queue_job,
    state,
    wait_until,
)
from workers import tasks
from workers.tasks import Runner


@pytest.fixture
def lifeline() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        _close(end)


@pytest.fixture
def runner(sqlite_url: str, lifeline: tuple[int, int]) -> Iterator[Runner]:
    made = Runner("tester", FAKE, lifeline[0])
    yield made
    made.dismiss()


@pytest.fixture
def begun(runner: Runner) -> Iterator[Callable[[int], threading.Thread]]:
    threads = []

    def begin(job_id: int) -> threading.Thread:
        threads.append(threading.Thread(target=runner.run, args=(job_id,)))
        threads[-1].start()
        return threads[-1]

    yield begin
    for thread in threads:
        thread.join(60)


def values(job_id: int) -> list[float]:
    with reading() as session:
        return trials.columns(session, job_id).values[:, 0].tolist()


def reason(job_id: int) -> str:
    with reading() as session:
        return jobs.job(session, job_id).reason


def test_a_job_runs_to_its_end(runner: Runner):
    job_id = queue_job(fake_spec(23), is_sent=False)

    runner.run(job_id)

    assert state(job_id) is JobState.SUCCEEDED
    assert values(job_id) == [value(number) for number in range(23)]


def test_a_repeated_message_does_nothing(runner: Runner):
    job_id = queue_job(fake_spec(3), is_sent=False)
    runner.run(job_id)

    runner.run(job_id)

    with reading() as session:
        assert jobs.job(session, job_id).attempt == 1


def test_a_message_for_no_job_does_nothing(runner: Runner):
    runner.run(4711)


def test_log_progress_and_environment_are_recorded(runner: Runner):
    job_id = queue_job(fake_spec(5), is_sent=False)

    runner.run(job_id)

    with reading() as session:
        job = jobs.job(session, job_id)
        assert [line.message for line in trials.log_tail(session, job_id)] == ["started"]
    assert job.progress == 1.0
    assert job.environment == {"engine": "fake"}


def test_what_a_plugin_prints_does_no_harm(runner: Runner):
    job_id = queue_job(fake_spec(5, print_at=2), is_sent=False)

    runner.run(job_id)

    assert state(job_id) is JobState.SUCCEEDED


def test_an_error_fails_the_job_with_its_cause_and_without_secrets(runner: Runner):
    job_id = queue_job(fake_spec(20, raise_at=12), is_sent=False)

    runner.run(job_id)

    assert state(job_id) is JobState.FAILED
    assert "is not reachable" in reason(job_id)
    assert "secret" not in reason(job_id)
    assert values(job_id) == [value(number) for number in range(10)]


def test_a_trial_that_kills_its_process_is_a_failed_trial(runner: Runner):
    job_id = queue_job(fake_spec(20, crash_at=12), is_sent=False)

    runner.run(job_id)

    assert state(job_id) is JobState.SUCCEEDED
    with reading() as session:
        states = trials.columns(session, job_id).states.tolist()
        scores = trials.scores_of_arch(session, trials.trial(session, job_id, 12).arch_id)
    failed = trials.TRIAL_STATES.index("failed")
    assert [number for number, found in enumerate(states) if found == failed] == [12]
    assert [score.status for score in scores] == ["failed"]


def supernet_spec(**params) -> dict[str, object]:
    """A search that trains a supernet of ten steps first, and how it goes wrong."""
    spec = fake_spec(7, steps=10, **params)
    objective = {"metric": "supernet_accuracy", "direction": "maximize"}
    return {**spec, "objectives": [objective], "supernet": {"recipe": {"name": "spos"}}}


def test_a_training_that_comes_further_survives_any_number_of_crashes(runner: Runner):
    spec = supernet_spec(crash_once_at_steps=[1, 2, 4, 5])
    job_id = queue_job(spec, is_sent=False)

    runner.run(job_id)

    assert state(job_id) is JobState.SUCCEEDED
    assert values(job_id) == [value(number) for number in range(7)]
    with reading() as session:
        assert metrics(session, job_id)["loss mid"] == [(s, 1 / (s + 1)) for s in range(10)]
        assert snapshot_names(session, job_id) == {"choices": Kept(10, 9)}
        assert [a.digest for a in artifacts.artifacts(session, job_id)] == [SUPERNET]


def test_a_step_of_a_training_may_take_longer_than_a_trial(runner: Runner):
    spec = supernet_spec(step_s=1.6) | {"budget": {"trials": 1, "trial_timeout_s": 0.1}}
    spec["strategy"]["params"]["steps"] = 1
    job_id = queue_job(spec, is_sent=False)

    runner.run(job_id)

    assert state(job_id) is JobState.SUCCEEDED


def test_a_training_that_always_crashes_at_one_step_fails_the_job(runner: Runner):
    job_id = queue_job(supernet_spec(crash_at_step=3), is_sent=False)

    runner.run(job_id)

    assert state(job_id) is JobState.FAILED
    assert reason(job_id).startswith("the training of its supernet, after step 3: its process")
    assert num_trials(job_id) == 0


def test_a_trial_after_a_training_that_kills_its_process_is_a_failed_trial(runner: Runner):
    job_id = queue_job(supernet_spec(crash_at=0), is_sent=False)

    runner.run(job_id)

    assert state(job_id) is JobState.SUCCEEDED
    with reading() as session:
        states = [trials.trial(session, job_id, number).state for number in range(7)]
    assert states == ["failed", *["done"] * 6]


def test_a_trial_that_hangs_is_a_failed_trial(runner: Runner):
    job_id = queue_job(fake_spec(20, hang_at=7, timeout_s=0.3), is_sent=False)

    runner.run(job_id)

    assert state(job_id) is JobState.SUCCEEDED
    assert num_trials(job_id) == 20


class StartsWhenMissedForLong(logging.Handler):
    """Starts a database when the task has looked for it in vain many times."""

    def __init__(self, database: services.PostgreSQL) -> None:
        super().__init__()
        self._database = database
        self._num_missed = 0

    def emit(self, record: logging.LogRecord) -> None:
        is_missed = "database is away" in record.getMessage()
        self._num_missed += is_missed
        if is_missed and self._num_missed == 80:
            self._database.start()


def test_no_trial_fails_because_the_database_is_away(
    postgresql: services.PostgreSQL, postgresql_url: str, lifeline: tuple[int, int]
):
    job_id = queue_job(fake_spec(40, pause_s=0.05, timeout_s=1.0), is_sent=False)
    runner = Runner("tester", replace(FAKE, stuck_s=6.0), lifeline[0])
    running = threading.Thread(target=runner.run, args=(job_id,))
    handler = StartsWhenMissedForLong(postgresql)
    tasks.log.addHandler(handler)

    running.start()
    wait_until(lambda: num_trials(job_id) >= 5)
    postgresql.kill()
    running.join()

    tasks.log.removeHandler(handler)
    runner.dismiss()
    assert values(job_id) == [value(number) for number in range(40)]


def test_a_process_that_always_ends_fails_the_job(sqlite_url: str, lifeline: tuple[int, int]):
    broken = replace(FAKE, child=("/bin/sh", "-c", "read line; exit 3", "sh"))
    job_id = queue_job(fake_spec(3), is_sent=False)
    runner = Runner("tester", broken, lifeline[0])

    runner.run(job_id)
    runner.dismiss()

    assert state(job_id) is JobState.FAILED
    assert "exit status 3" in reason(job_id)


def test_a_job_is_cancelled_when_its_process_is_gone(runner: Runner, begun):
    job_id = queue_job(fake_spec(10_000, pause_s=0.01), is_sent=False)
    begun(job_id)
    wait_until(lambda: num_trials(job_id) >= 5)

    with transaction() as session:
        jobs.cancel(session, job_id, "ann")

    wait_until(is_in(job_id, JobState.CANCELLED))
    assert num_trials(job_id) < 10_000


def test_a_process_that_does_not_obey_is_ended(runner: Runner, begun):
    job_id = queue_job(fake_spec(20, hang_at=7), is_sent=False)
    begun(job_id)
    wait_until(lambda: num_trials(job_id) == 5)

    with transaction() as session:
        jobs.cancel(session, job_id, "ann")

    wait_until(is_in(job_id, JobState.CANCELLED))


def test_a_paused_job_goes_on_where_it_was(runner: Runner, begun):
    job_id = queue_job(fake_spec(40, pause_s=0.02), is_sent=False)
    begun(job_id)
    wait_until(lambda: num_trials(job_id) >= 5)
    with transaction() as session:
        jobs.pause(session, job_id, "ann")
    wait_until(is_in(job_id, JobState.PAUSED))
    with transaction() as session:
        jobs.resume(session, job_id, "ann")

    runner.run(job_id)

    assert state(job_id) is JobState.SUCCEEDED
    assert values(job_id) == [value(number) for number in range(40)]


def test_a_stopping_worker_gives_its_job_back(runner: Runner, begun, lifeline: tuple[int, int]):
    job_id = queue_job(fake_spec(10_000, pause_s=0.01), is_sent=False)
    thread = begun(job_id)
    wait_until(lambda: num_trials(job_id) >= 5)

    _close(lifeline[1])

    wait_until(is_in(job_id, JobState.QUEUED))
    thread.join(60)
    assert "given back" in reason(job_id)


def test_a_worker_that_lost_its_lease_writes_nothing(runner: Runner, begun):
    job_id = queue_job(fake_spec(10_000, pause_s=0.01), is_sent=False)
    thread = begun(job_id)
    wait_until(lambda: num_trials(job_id) >= 5)

    with transaction() as session:
        other = _stolen(session, job_id)
    thread.join(60)

    with reading() as session:
        job = jobs.job(session, job_id)
        assert (job.state, job.worker_id, job.token) == (JobState.RUNNING, "thief", other)


def _stolen(session, job_id: int) -> str:
    """Let another worker take a job whose lease has not ended; what a stopped clock may do."""
    jobs.job(session, job_id).token = "stolen"
    jobs.job(session, job_id).worker_id = "thief"
    session.flush()
    return "stolen"


def _close(end: int) -> None:
    try:
        os.close(end)
    except OSError:
        return
