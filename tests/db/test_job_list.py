"""The list of jobs: filters, orders, pages."""

import pytest

from db import jobs
from db.jobs import JobFilter, JobState
from tests.db.making import new_job


@pytest.fixture
def three(session):
    """Jobs *alpha*, *beta* and *100% gamma*; the second is cancelled."""
    ids = [
        jobs.add_job(session, new_job(name="alpha", owner="ada", group_id="g")).id,
        jobs.add_job(session, new_job(name="Beta", owner="bob", group_id="g", project="x")).id,
        jobs.add_job(session, new_job(name="100% gamma", space="other", strategy="nsga2")).id,
    ]
    jobs.cancel(session, ids[1], "bob")
    return ids


def names(page):
    return [job.name for job in page.rows]


def test_newest_come_first(session, three):
    assert names(jobs.jobs_page(session)) == ["100% gamma", "Beta", "alpha"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (JobFilter(text="ALPHA"), ["alpha"]),
        (JobFilter(text=" eta "), ["Beta"]),
        (JobFilter(text="0%"), ["100% gamma"]),
        (JobFilter(text="%"), ["100% gamma"]),
        (JobFilter(text="_"), []),
        (JobFilter(states=(JobState.QUEUED,)), ["100% gamma", "alpha"]),
        (JobFilter(states=(JobState.CANCELLED, JobState.FAILED)), ["Beta"]),
        (JobFilter(space="other"), ["100% gamma"]),
        (JobFilter(strategy="random", owner="ada"), ["alpha"]),
        (JobFilter(project="x"), ["Beta"]),
        (JobFilter(project="unknown"), []),
        (JobFilter(group="g"), ["Beta", "alpha"]),
    ],
)
def test_filters(session, three, wanted, found):
    page = jobs.jobs_page(session, wanted)

    assert (names(page), page.total) == (found, len(found))
    assert jobs.num_jobs(session, wanted) == len(found)


def test_text_may_be_the_number_of_a_job(session, three):
    assert "Beta" in names(jobs.jobs_page(session, JobFilter(text=f"#{three[1]}")))


@pytest.mark.parametrize("column", ["id", "name", "created_at", "state", "num_trials", "progress"])
def test_pages_together_are_the_list(session, three, column):
    pages = [jobs.jobs_page(session, sort=column, page=n, per_page=2) for n in (1, 2)]

    assert [len(page.rows) for page in pages] == [2, 1]
    assert {job.id for page in pages for job in page.rows} == set(three)


def test_jobs_that_have_not_ended_come_last_when_sorted_by_their_end(session, three):
    up = jobs.jobs_page(session, sort="finished_at", descending=False)
    down = jobs.jobs_page(session, sort="finished_at", descending=True)

    assert names(up)[0] == names(down)[0] == "Beta"


def test_unknown_column_is_refused_by_name(session):
    with pytest.raises(ValueError, match="cannot be sorted by token; choose of id, name"):
        jobs.jobs_page(session, sort="token")


def test_counts_by_state_respect_the_filter(session, three):
    assert jobs.counts_by_state(session) == {JobState.QUEUED: 2, JobState.CANCELLED: 1}
    assert jobs.counts_by_state(session, JobFilter(owner="bob")) == {JobState.CANCELLED: 1}


def test_groups_say_what_is_in_them(session, three):
    (group,) = jobs.groups(session)

    assert (group.id, group.num_jobs) == ("g", 2)
    assert group.states == {JobState.QUEUED: 1, JobState.CANCELLED: 1}


def test_distinct_values_fill_the_filters(session, three):
    assert jobs.distinct_values(session, "strategy") == ["nsga2", "random"]
    with pytest.raises(ValueError, match="not filtered by token"):
        jobs.distinct_values(session, "token")
