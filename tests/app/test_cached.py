import numpy as np
import pytest

from app import cached
from app.cached import LiveColumns
from db import trials
from db.errors import NotFound
from db.session import reading, transaction
from tests.app import filling


@pytest.fixture
def running(sqlite_url):
    with transaction() as session:
        filling.add_worker(session)
        job_id = filling.add_job(session, filling.a_spec("live"))
        token = filling.claimed(session, job_id)
        filling.add_trials(session, job_id, token, 40)
    return job_id, token


def add_one(job_id, token, number):
    row = trials.TrialRow(number, "|later|", (0, 0, 0, 0, 0, 0), "done")
    scores = [trials.ScoreRow(number, place, "proxy", "ok", 1.0) for place in (0, 1)]
    with transaction() as session:
        trials.record(session, job_id, token, trials.Batch(trials=[row], scores=scores))


def test_what_is_new_is_added_to_what_was_read(running, monkeypatch):
    job_id, token = running
    live = LiveColumns(job_id)
    live.at(cached.version_of(job_id))
    add_one(job_id, token, 45)
    add_one(job_id, token, 41)
    monkeypatch.setattr(trials, "columns", None)

    columns = live.at(cached.version_of(job_id))

    assert columns.numbers.tolist() == [*range(40), 41, 45]


def test_an_unchanged_job_is_not_read_again(running, monkeypatch):
    job_id, _ = running
    version = cached.version_of(job_id)
    first = cached.columns(job_id, version)
    monkeypatch.setattr(trials, "columns", None)

    assert cached.columns(job_id, version) is first


def test_extended_columns_equal_those_read_at_once(running):
    job_id, token = running
    live = LiveColumns(job_id)
    live.at(cached.version_of(job_id))
    add_one(job_id, token, 40)

    extended = live.at(cached.version_of(job_id))

    with reading() as session:
        whole = trials.columns(session, job_id)
    np.testing.assert_array_equal(extended.values, whole.values)
    np.testing.assert_array_equal(extended.arch_ids, whole.arch_ids)


def test_the_version_of_nothing_is_an_error(sqlite_url):
    with pytest.raises(NotFound):
        cached.version_of(4711)
