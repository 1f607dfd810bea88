from dataclasses import replace

import pytest

from db import jobs, workers
from db.errors import StorageBusy
from db.jobs import JobState
from db.session import reading, transaction
from tests.workers.fake_offer import CATALOGUE
from tests.workers.processes import FAKE, fake_spec, queue_job
from workers.catalogue import catalogue
from workers.upkeep import Chore, Upkeep


@pytest.fixture
def upkeep(sqlite_url: str) -> Upkeep:
    return Upkeep("w", ["cpu"], FAKE, lambda: True)


def test_a_chore_that_fails_waits_longer_and_longer():
    def busy() -> None:
        raise StorageBusy("others write")

    chore = Chore(busy, every_s=100.0)
    chore.do()
    first = chore.due_at
    chore.due_at = 0.0
    chore.do()

    assert chore.due_at - first > 100.0


def test_a_chore_is_not_done_before_it_is_due():
    done: list[int] = []
    chore = Chore(lambda: done.append(1), every_s=100.0)

    chore.do()
    chore.do()

    assert done == [1]


def test_what_is_offered_is_reported(upkeep: Upkeep):
    upkeep.offer()

    with reading() as session:
        assert catalogue(session) == CATALOGUE


def test_a_worker_that_the_record_forgot_reports_again(upkeep: Upkeep):
    upkeep.offer()
    with transaction() as session:
        session.delete(workers.known(session)[0])

    upkeep.heartbeat()

    with reading() as session:
        assert [worker.id for worker in workers.living(session)] == ["w"]


def test_a_stopped_worker_offers_nothing(upkeep: Upkeep):
    upkeep.offer()

    upkeep.stop()

    with reading() as session:
        assert workers.living(session) == []


def test_a_sweep_takes_back_what_was_lost(upkeep: Upkeep):
    job_id = queue_job(fake_spec(), is_sent=False)
    with transaction() as session:
        jobs.claim(session, job_id, worker_id="dead", lease_s=-1.0)

    upkeep.sweep()

    with reading() as session:
        states = [change.state for change in jobs.history(session, job_id)]
    assert states[-2:] == [JobState.LOST, JobState.QUEUED]


def test_what_cannot_be_offered_is_asked_for_later(sqlite_url: str):
    broken = Upkeep("w", ["cpu"], replace(FAKE, offering=("/bin/false",)), lambda: True)

    with pytest.raises(ChildProcessError):
        broken.offer()
    broken.heartbeat()

    with reading() as session:
        assert workers.living(session) == []


@pytest.mark.parametrize("is_idle", [True, False])
def test_what_nobody_took_is_sent_again_by_a_worker_that_would_take_it(
    sqlite_url: str, is_idle: bool
):
    job_id = queue_job(fake_spec())
    with reading() as session:
        sent_at = jobs.job(session, job_id).sent_at

    Upkeep("w", ["cpu"], replace(FAKE, unclaimed_after_s=-1.0), lambda: is_idle).sweep()

    with reading() as session:
        assert (jobs.job(session, job_id).sent_at != sent_at) is is_idle
