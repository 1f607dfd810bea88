from pathlib import Path

import pytest

from db import jobs, workers
from db.errors import NotFound, WrongState
from db.jobs import JobState
from db.session import reading, transaction
from db.workers import Report
from search.errors import SpecError
from search.spec import Submission, parse_submission
from tests import services
from tests.workers.fake_offer import CATALOGUE
from workers import queue
from workers.queue import celery_app, message_queue, submit


@pytest.fixture
def offered(database_url: str) -> None:
    said = Report("w", "host", 1, ["cpu"], CATALOGUE.model_dump(mode="json"))
    with transaction() as session:
        workers.report(session, said)


def submission(**changes) -> Submission:
    content = {
        "name": "small",
        "space": {"name": "nasbench201"},
        "objectives": ["synflow", "params"],
        "strategy": {"name": "random"},
        "budget": {"trials": 10},
    }
    return parse_submission({**content, **changes})


def waiting() -> list[int]:
    found = []
    with celery_app().connection_for_read() as connection:
        channel = connection.default_channel
        while (message := channel.basic_get(message_queue("cpu"), no_ack=True)) is not None:
            found += message.decode()[0]
    return found


def job(job_id: int):
    with reading() as session:
        return jobs.job(session, job_id)


@pytest.mark.usefixtures("offered")
class TestSubmit:
    def test_a_job_is_queued_and_its_id_sent(self):
        (job_id,) = submit(submission())

        assert job(job_id).state is JobState.QUEUED
        assert job(job_id).sent_at is not None
        assert waiting() == [job_id]

    def test_an_unknown_name_is_refused_before_anything_is_queued(self):
        with pytest.raises(SpecError) as refused:
            submit(submission(strategy={"name": "ouija"}))

        assert list(refused.value.fields) == ["strategy.name"]
        with reading() as session:
            assert jobs.num_jobs(session, jobs.JobFilter()) == 0

    def test_directions_are_filled_in_from_the_catalogue(self):
        (job_id,) = submit(submission())

        directions = [part["direction"] for part in job(job_id).spec["objectives"]]
        assert directions == ["maximize", "minimize"]

    def test_a_direction_that_was_given_stands(self):
        objectives = [{"metric": "synflow", "direction": "minimize"}]

        (job_id,) = submit(submission(objectives=objectives))

        assert job(job_id).spec["objectives"][0]["direction"] == "minimize"

    def test_seeds_make_a_group_on_consecutive_seeds(self):
        job_ids = submit(submission(seed=7, seeds=3))

        found = [job(job_id) for job_id in job_ids]
        assert [job.seed for job in found] == [7, 8, 9]
        assert len({job.group_id for job in found}) == 1
        assert waiting() == job_ids

    def test_a_clone_knows_where_it_comes_from(self):
        (first,) = submit(submission())

        (second,) = queue.clone(first, {"seed": 5})

        assert (job(second).cloned_from, job(second).seed) == (first, 5)


@pytest.mark.usefixtures("offered")
def test_what_is_on_record_is_told_though_the_database_is_away_afterwards(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    (known,) = submit(submission())
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{data_dir}/nowhere/archfront.db")

    queue.send_all([(known, "cpu")])

    assert waiting() == [known, known]


def test_without_a_living_worker_nothing_is_queued(sqlite_url: str):
    with pytest.raises(SpecError, match="worker"):
        submit(submission())


@pytest.mark.usefixtures("offered")
class TestAsk:
    def test_a_queued_job_is_cancelled_at_once(self):
        (job_id,) = submit(submission())

        assert queue.cancel(job_id) is JobState.CANCELLED

    def test_a_retried_job_is_sent_again(self):
        (job_id,) = submit(submission())
        queue.cancel(job_id)
        waiting()

        assert queue.retry(job_id) is JobState.QUEUED
        assert waiting() == [job_id]

    def test_a_resumed_job_is_sent_again(self):
        (job_id,) = submit(submission())
        queue.pause(job_id)
        waiting()

        assert queue.resume(job_id) is JobState.QUEUED
        assert waiting() == [job_id]

    def test_what_cannot_be_done_is_refused(self):
        (job_id,) = submit(submission())

        with pytest.raises(WrongState):
            queue.resume(job_id)
        with pytest.raises(NotFound):
            queue.cancel(job_id + 1)


def test_a_message_goes_through_redis(
    offered: None, redis_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BROKER_URL", redis_url)

    job_ids = submit(submission(seeds=2))

    assert waiting() == job_ids


@pytest.mark.timeout(30)
def test_a_job_waits_when_the_broker_is_down(offered: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BROKER_URL", f"redis://127.0.0.1:{services.free_port()}/0")

    first, second = submit(submission(seeds=2))

    assert (job(first).state, job(second).state) == (JobState.QUEUED, JobState.QUEUED)
    assert (job(first).sent_at, job(second).sent_at) == (None, None)


@pytest.mark.timeout(30)
def test_submit_does_not_hang_on_a_broker_that_never_answers(
    offered: None, deaf_port: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BROKER_URL", f"redis://127.0.0.1:{deaf_port}/0")

    (job_id,) = submit(submission())

    assert job(job_id).sent_at is None


def test_a_broker_that_came_back_is_used(
    offered: None, redis_server: services.Redis, monkeypatch: pytest.MonkeyPatch
):
    redis_server.clear()
    monkeypatch.setenv("BROKER_URL", redis_server.url)
    submit(submission())
    redis_server.kill()
    submit(submission())
    redis_server.start()

    (job_id,) = submit(submission())

    assert waiting() == [job_id]
