"""Hypervolumes in a list of searches stand on one reference point."""

import pytest

from app import cached, volumes
from db import jobs
from db.session import reading, transaction
from tests.app import filling
from tests.app.conftest import words


def found():
    with reading() as session:
        listed = jobs.jobs_page(session).rows
    return volumes.hypervolumes(listed, cached.offered())


def test_the_same_trials_and_more_have_no_smaller_a_hypervolume(with_worker):
    with transaction() as session:
        few = filling.add_finished(session, "few", 50)
        many = filling.add_finished(session, "many", 400)

    volume = found()

    assert 0 < volume[few] < volume[many]


def test_a_search_of_one_measure_has_none(with_worker):
    with transaction() as session:
        filling.add_finished(session, "one", 20, objectives=("nwot",))

    assert found() == {}


def test_equal_searches_have_equal_hypervolumes_whatever_else_is_listed(with_worker):
    with transaction() as session:
        first = filling.add_finished(session, "first", 60)
        second = filling.add_finished(session, "second", 60)
        filling.add_finished(session, "other", 60, objectives=("nwot", "latency_ms"))

    volume = found()

    assert volume[first] == pytest.approx(volume[second])


def test_home_shows_it_beside_the_best_values(ids, open_page):
    assert "hypervolume" in words(open_page("")).replace("Hypervolume", "")
