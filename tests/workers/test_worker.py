"""Real worker processes, over both brokers; what they run is the fake engine."""

import signal

import psutil
import pytest

from db import jobs, trials, workers
from db.jobs import JobState
from db.metrics import metrics
from db.session import reading
from tests.workers.brokers import Broker
from tests.workers.fake_engine import value
from tests.workers.fake_offer import CATALOGUE
from tests.workers.processes import (
    WorkerProcess,
    fake_spec,
    is_in,
    num_trials,
    queue_job,
    state,
    wait_until,
    worker,
)
from workers.catalogue import catalogue

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def is_whole(job_id: int, num: int) -> bool:
    with reading() as session:
        found = trials.columns(session, job_id)
    assert found.numbers.tolist() == list(range(num))
    return found.values[:, 0].tolist() == [value(number) for number in range(num)]


def num_steps(job_id: int) -> int:
    """Of a supernet's training that are on record."""
    with reading() as session:
        return sum(map(len, metrics(session, job_id).values()))


def is_idle(running: WorkerProcess) -> bool:
    return len(running.pool()) == 1 and len(running.runners()) == 1


def test_a_worker_runs_what_is_queued(broker: Broker, database_url: str):
    job_ids = [queue_job(fake_spec(12)) for _ in range(2)]

    with worker():
        for job_id in job_ids:
            wait_until(is_in(job_id, JobState.SUCCEEDED))

    assert all(is_whole(job_id, 12) for job_id in job_ids)


def test_a_worker_reports_what_it_offers_and_signs_off(sqlite_url: str):
    def offered():
        with reading() as session:
            return catalogue(session)

    with worker() as running:
        wait_until(lambda: offered().plugins)
        assert offered() == CATALOGUE
        running.signal(signal.SIGTERM)
        assert running.wait() == 0

    assert not offered().plugins


def test_a_message_that_was_never_sent_is_sent_by_the_sweep(broker: Broker, sqlite_url: str):
    job_id = queue_job(fake_spec(5), is_sent=False)

    with worker():
        wait_until(is_in(job_id, JobState.SUCCEEDED))


def test_a_lost_message_is_sent_again(broker: Broker, sqlite_url: str):
    with worker() as running:
        wait_until(lambda: is_idle(running))
        broker.restart()
        job_id = queue_job(fake_spec(5))
        broker.restart()

        wait_until(is_in(job_id, JobState.SUCCEEDED))


def test_rubbish_in_the_queue_is_survived(broker: Broker, sqlite_url: str):
    with worker() as running:
        wait_until(lambda: is_idle(running))
        broker.put_rubbish()
        job_id = queue_job(fake_spec(5))

        wait_until(is_in(job_id, JobState.SUCCEEDED))
        assert running.is_alive()


def test_a_killed_training_is_carried_out_once_for_a_search_and_its_control(
    broker: Broker, sqlite_url: str
):
    spec = fake_spec(12, steps=60, step_s=0.02)
    spec["supernet"] = {"recipe": {"name": "spos"}}
    search = queue_job(spec, is_sent=False)
    control = queue_job(spec, is_sent=False, control_of=search)

    with worker() as first:
        wait_until(lambda: num_steps(search) >= 5)
        first.kill_main()
        with worker(), worker():
            wait_until(is_in(search, JobState.SUCCEEDED))
            wait_until(is_in(control, JobState.SUCCEEDED))

    assert is_whole(search, 12)
    assert is_whole(control, 12)
    assert (num_steps(search), num_steps(control)) == (60, 0)


def test_a_process_waits_warm_for_the_next_job(sqlite_url: str):
    with worker() as running:
        (warm,) = wait_until(running.runners)
        job_id = queue_job(fake_spec(5))
        wait_until(is_in(job_id, JobState.SUCCEEDED))

        (next_one,) = wait_until(running.runners)
        assert next_one.pid != warm.pid


def test_a_busy_worker_leaves_messages_to_others(broker: Broker, sqlite_url: str):
    with worker() as first:
        long_id = queue_job(fake_spec(100_000, pause_s=0.01))
        wait_until(is_in(long_id, JobState.RUNNING))
        short_id = queue_job(fake_spec(5))
        with worker():
            wait_until(is_in(short_id, JobState.SUCCEEDED))

        assert state(long_id) is JobState.RUNNING
        assert first.is_alive()


@pytest.mark.parametrize("how", ["interrupt", "terminate"])
def test_a_stopped_worker_gives_its_job_to_the_next_one(broker: Broker, sqlite_url: str, how: str):
    with worker() as first:
        job_id = queue_job(fake_spec(60, pause_s=0.05))
        wait_until(lambda: num_trials(job_id) >= 5)
        stop = first.interrupt if how == "interrupt" else first.terminate
        stop()
        assert first.wait() == 0
        assert state(job_id) is JobState.QUEUED
        wait_until(lambda: not first.survivors())

    with worker():
        wait_until(is_in(job_id, JobState.SUCCEEDED))
    assert is_whole(job_id, 60)
    with reading() as session:
        assert JobState.LOST not in {change.state for change in jobs.history(session, job_id)}


def test_an_idle_worker_ends_at_once_on_ctrl_c(broker: Broker, sqlite_url: str):
    with worker() as running:
        wait_until(lambda: is_idle(running))
        running.interrupt()

        assert running.wait() == 0
        wait_until(lambda: not running.survivors())


def test_nothing_of_a_killed_worker_is_left_and_its_job_is_found(broker: Broker, sqlite_url: str):
    job_id = queue_job(fake_spec(60, pause_s=0.05))
    with worker() as first:
        wait_until(lambda: num_trials(job_id) >= 5)
        first.signal(signal.SIGKILL)
        wait_until(lambda: not first.survivors())

    with worker():
        wait_until(is_in(job_id, JobState.SUCCEEDED))
    assert is_whole(job_id, 60)
    with reading() as session:
        assert JobState.LOST in {change.state for change in jobs.history(session, job_id)}


def test_a_killed_pool_process_takes_its_runner_along_and_is_replaced(
    broker: Broker, sqlite_url: str
):
    job_id = queue_job(fake_spec(60, pause_s=0.05))
    with worker() as running:
        wait_until(lambda: num_trials(job_id) >= 5)
        (pool,), (runner,) = running.pool(), running.runners()
        pool.kill()
        wait_until(lambda: _is_gone(runner))

        wait_until(is_in(job_id, JobState.SUCCEEDED))
    assert is_whole(job_id, 60)


def test_a_killed_idle_pool_process_is_replaced_by_one_that_works(broker: Broker, sqlite_url: str):
    with worker() as running:
        wait_until(lambda: is_idle(running))
        (killed,) = running.pool()
        killed.kill()
        wait_until(lambda: {p.pid for p in running.pool()} - {killed.pid})

        wait_until(is_in(queue_job(fake_spec(5)), JobState.SUCCEEDED))
        running.terminate()
        assert running.wait() == 0


def test_a_killed_runner_is_replaced_at_once(broker: Broker, sqlite_url: str):
    job_id = queue_job(fake_spec(60, pause_s=0.05))
    with worker() as running:
        wait_until(lambda: num_trials(job_id) >= 5)
        (runner,) = running.runners()
        runner.kill()

        wait_until(is_in(job_id, JobState.SUCCEEDED))
    assert is_whole(job_id, 60)
    with reading() as session:
        assert jobs.job(session, job_id).attempt == 1


def test_a_worker_outlives_a_database_that_is_away(postgresql, postgresql_url: str, data_dir):
    job_id = queue_job(fake_spec(60, pause_s=0.05))
    with worker() as running:
        wait_until(lambda: num_trials(job_id) >= 5)
        postgresql.kill()
        postgresql.start()

        wait_until(is_in(job_id, JobState.SUCCEEDED))
        assert running.is_alive()
    assert is_whole(job_id, 60)


def test_a_worker_that_starts_before_its_broker_waits_for_it(
    redis_server, redis_url: str, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BROKER_URL", redis_url)
    redis_server.kill()
    job_id = queue_job(fake_spec(5), is_sent=False)

    with worker() as running:
        wait_until(_living)
        redis_server.start()
        wait_until(is_in(job_id, JobState.SUCCEEDED))
        assert running.is_alive()


def _living() -> bool:
    with reading() as session:
        return bool(workers.living(session))


def _is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
