"""What a job's process does with what a run yields, as functions against a database."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from db import artifacts, jobs, trials
from db.session import reading, transaction
from search.spec import Spec
from tests import services
from tests.workers import fake_engine
from tests.workers.processes import fake_spec, num_trials, queue_job
from workers import patience
from workers.mark import Mark
from workers.orders import Ending, Order
from workers.run_job import carry_out


@pytest.fixture
def mark() -> Mark:
    return Mark.made()[0]


def order(job_id: int, **given) -> Order:
    with transaction() as session:
        claim = jobs.claim(session, job_id, worker_id="w", lease_s=30)
    assert claim is not None
    return Order(job_id, claim.token, batch_s=0.0, give_up_s=1.0, **given)


def training_spec() -> dict[str, Any]:
    spec = fake_spec(3, steps=4)
    spec["objectives"] = [{"metric": "supernet_accuracy", "direction": "maximize"}]
    spec["supernet"] = {"recipe": {"name": "spos"}}
    return spec


@pytest.mark.usefixtures("database_url")
class TestCarryOut:
    def test_everything_is_written(self, mark: Mark):
        job_id = queue_job(fake_spec(13), is_sent=False)

        outcome = carry_out(order(job_id), fake_engine, mark, threading.Event())

        assert outcome.ending is Ending.SUCCEEDED
        assert num_trials(job_id) == 13
        assert mark.read().number == 13

    def test_whoever_is_asked_stops_at_a_checkpoint(self, mark: Mark):
        job_id = queue_job(fake_spec(13), is_sent=False)
        asked = threading.Event()
        asked.set()

        outcome = carry_out(order(job_id), fake_engine, mark, asked)

        assert outcome.ending is Ending.STOPPED
        assert num_trials(job_id) == 0

    def test_nothing_is_written_without_the_lease(self, mark: Mark):
        job_id = queue_job(fake_spec(13), is_sent=False)
        lost = Order(job_id, "another token", batch_s=0.0, give_up_s=1.0)

        outcome = carry_out(lost, fake_engine, mark, threading.Event())

        assert outcome.ending is Ending.FENCED
        assert num_trials(job_id) == 0

    def test_a_given_failure_is_recorded_with_its_cause(self, mark: Mark):
        job_id = queue_job(fake_spec(5), is_sent=False)

        carry_out(order(job_id, failures={3: "killed"}), fake_engine, mark, threading.Event())

        with reading() as session:
            assert trials.trial(session, job_id, 3).state == "failed"

    def test_a_control_searches_the_supernet_of_its_search(self, mark: Mark):
        search = queue_job(training_spec(), is_sent=False)
        control = queue_job(training_spec(), is_sent=False, control_of=search)

        for job_id in (search, control):
            carry_out(order(job_id), fake_engine, mark, threading.Event())

        with reading() as session:
            made = [len(artifacts.artifacts(session, one)) for one in (search, control)]
            found = jobs.job(session, control)
        spec = Spec.model_validate(found.spec)
        assert made == [1, 0]
        assert spec.supernet is not None
        assert (spec.supernet.recipe, spec.supernet.checkpoint) == (None, fake_engine.SUPERNET)
        assert found.spec_digest == spec.digest()
        assert found.num_trials == 3
        assert found.environment["supernet"] == {"checkpoint": fake_engine.SUPERNET}

    def test_scores_know_the_supernet_that_the_job_has_trained(self, mark: Mark):
        job_id = queue_job(training_spec(), is_sent=False)

        carry_out(order(job_id), fake_engine, mark, threading.Event())

        known = {"engine": "fake", "supernet": {"checkpoint": fake_engine.SUPERNET}}
        with reading() as session:
            score = trials.trial(session, job_id, 0).scores[0]
            told = trials.provenance(session, [score.provenance_id])
            assert jobs.job(session, job_id).environment == known
        assert told == {score.provenance_id: known}
        assert mark.read().number == 3


class Asking:
    """The fake engine, which asks the team's memory before it begins.

    Args:
        first: called before that.
    """

    part_of = staticmethod(fake_engine.part_of)
    provenance = staticmethod(fake_engine.provenance)

    def __init__(self, first: Callable[[], None]) -> None:
        self._first = first

    def run(self, spec, *, memory, **more):
        self._first()
        assert memory.recall(["0-0"]) == {}
        assert list(memory.visited()) == []
        yield from fake_engine.run(spec, **more)


class StartsWhenMissed(logging.Handler):
    """Starts a database when somebody says that it is away."""

    def __init__(self, database: services.PostgreSQL) -> None:
        super().__init__()
        self._database = database

    def emit(self, record: logging.LogRecord) -> None:
        if not self._database.is_up():
            self._database.start()


@pytest.fixture
def missed(postgresql: services.PostgreSQL) -> Iterator[None]:
    """The database comes back once a worker has noticed that it is away."""
    handler = StartsWhenMissed(postgresql)
    patience.log.addHandler(handler)
    yield
    patience.log.removeHandler(handler)


@pytest.mark.usefixtures("missed", "postgresql_url")
class TestDatabaseAway:
    def test_a_run_that_begins_waits_for_it(self, postgresql: services.PostgreSQL, mark: Mark):
        job_id = queue_job(fake_spec(7), is_sent=False)
        given = replace(order(job_id), give_up_s=60.0)
        postgresql.kill()

        outcome = carry_out(given, fake_engine, mark, threading.Event())

        assert outcome.ending is Ending.SUCCEEDED

    def test_a_run_that_asks_waits_for_it(self, postgresql: services.PostgreSQL, mark: Mark):
        job_id = queue_job(fake_spec(7), is_sent=False)
        given = replace(order(job_id), give_up_s=60.0)

        outcome = carry_out(given, Asking(postgresql.kill), mark, threading.Event())

        assert outcome.ending is Ending.SUCCEEDED


def test_a_database_that_stays_away_fails_no_job(
    postgresql: services.PostgreSQL, postgresql_url: str, mark: Mark
):
    job_id = queue_job(fake_spec(7), is_sent=False)
    given = replace(order(job_id), give_up_s=0.0)

    outcome = carry_out(given, Asking(postgresql.kill), mark, threading.Event())

    postgresql.start()
    assert outcome.ending is Ending.AWAY
