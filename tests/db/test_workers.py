"""Workers: who lives, and what they offer."""

import pytest

from db import workers
from db.workers import Report


@pytest.fixture
def reported(session):
    """A worker that has reported."""
    workers.report(session, Report("w1", "host", 42, ["cpu", "gpu"], {"plugins": []}))
    return "w1"


def ids(found):
    return [worker.id for worker in found]


def test_worker_that_reported_lives(session, reported):
    (worker,) = workers.living(session)

    assert (worker.id, worker.host, worker.pid) == ("w1", "host", 42)
    assert (worker.queues, worker.catalogue) == (["cpu", "gpu"], {"plugins": []})


def test_worker_that_is_silent_is_no_longer_counted(session, reported):
    assert ids(workers.living(session, within_s=-1)) == []
    assert ids(workers.known(session)) == ["w1"]


def test_heartbeat_is_heard(session, reported):
    before = workers.living(session)[0].heard_at

    assert workers.heartbeat(session, reported)

    assert workers.living(session)[0].heard_at >= before


def test_heartbeat_of_a_stranger_asks_for_a_report(session):
    assert not workers.heartbeat(session, "nobody")


def test_stopped_worker_is_not_living(session, reported):
    workers.stop(session, reported)

    assert ids(workers.living(session)) == []
    assert workers.known(session)[0].stopped_at is not None


def test_second_report_replaces_the_first(session, reported):
    workers.stop(session, reported)
    workers.report(session, Report("w1", "host", 43, ["cpu"], {"plugins": [1]}))

    (worker,) = workers.living(session)
    assert (worker.pid, worker.queues, worker.catalogue) == (43, ["cpu"], {"plugins": [1]})


def test_hosts_are_of_the_workers_that_are_known(session, reported):
    assert workers.hosts(session, {"w1", "somebody"}) == {"w1": workers.known(session)[0].host}
