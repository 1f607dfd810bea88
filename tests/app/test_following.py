"""Parts of a search's page follow the search: how often, and what they then show."""

import json

import pytest

from db import jobs, trials
from db.batch import Batch, LogRow, MetricRow
from db.session import transaction
from search.spaces import spaces
from tests.app import filling
from tests.app.conftest import words
from tests.app.watching import Watcher

FOLLOWING = ["trials", "statuses", "metrics", "log", "history"]
HEAD = 0
HEAD_S, FRONT_S = 2, 3


@pytest.fixture
def watcher(monkeypatch):
    return Watcher(monkeypatch)


@pytest.fixture
def found_more(ids):
    """The worker writes: a trial of this nwot, which fails without one, and what goes with it."""

    def write(nwot=None, state="running"):
        with transaction() as session:
            job = jobs.job(session, ids[state])
            choices = spaces[filling.SPACE].at(job.num_trials)
            number, key = job.num_trials, spaces[filling.SPACE].key(choices)
            how = "done" if nwot else "failed"
            batch = Batch(
                trials=[trials.TrialRow(number, key, choices, how)],
                scores=[filling._score(number, 0, "nwot", nwot or 0.0, how)],
                logs=[LogRow("info", "another trial")],
                metrics=[MetricRow("loss", 1, 0.5), MetricRow("loss", 2, 0.25)],
            )
            trials.record(session, job.id, job.token, batch)
        return number

    return write


@pytest.mark.parametrize("tab", FOLLOWING)
@pytest.mark.parametrize(
    ("live", "seconds"),
    [("2 s", [HEAD_S, FRONT_S, 5]), ("10 s", [10, 10, 10]), ("off", [HEAD_S])],
)
def test_an_open_tab_follows_at_the_chosen_interval(ids, open_page, watcher, tab, live, seconds):
    open_page("search", id=ids["running"], tab=tab, live=live)

    assert watcher.seconds == seconds


@pytest.mark.parametrize("tab", FOLLOWING)
def test_nothing_follows_a_search_that_has_ended(ids, open_page, watcher, tab):
    open_page("search", id=ids["succeeded"], tab=tab)

    assert watcher.seconds == []


def test_what_cannot_change_follows_nothing(ids, open_page, watcher):
    open_page("search", id=ids["running"], tab="spec")

    assert watcher.seconds == [HEAD_S, FRONT_S]


@pytest.mark.parametrize(
    ("tab", "told"),
    [
        ("trials", "611 trials"),
        ("statuses", "17 failed trials"),
        ("log", "another trial"),
        ("history", "Pausing"),
    ],
)
def test_a_tab_shows_what_came_since_it_was_opened(ids, open_page, watcher, found_more, tab, told):
    page = open_page("search", id=ids["running"], tab=tab)
    assert told not in words(page)

    found_more()
    with transaction() as session:
        jobs.pause(session, ids["running"], "ada")

    assert told in words(watcher.wait(page))


def test_values_of_a_search_appear_when_they_are_told(ids, open_page, watcher, found_more):
    page = open_page("search", id=ids["running"], tab="metrics")
    assert "reports no values of its own" in words(page)

    found_more()

    assert len(watcher.wait(page).get("plotly_chart")) == 1


def test_a_comparison_with_chance_follows_the_search(ids, open_page, watcher):
    with transaction() as session:
        filling.add_job(session, filling.a_spec("its control"), control_of=ids["running"])

    open_page("search", id=ids["running"], tab="control")

    assert watcher.seconds == [HEAD_S, FRONT_S, 5]


def test_who_types_a_condition_is_not_disturbed(ids, open_page, watcher):
    page = open_page("search", id=ids["running"], tab="trials")
    assert page.text_input(key="where")

    watcher.wait(page)

    assert page.dataframe
    assert not page.text_input
    assert not page.multiselect
    assert not page.selectbox


def test_at_its_end_a_search_is_shown_as_it_ended(ids, open_page, watcher, found_more):
    page = open_page("search", id=ids["running"], tab="trials")

    found_more()
    with transaction() as session:
        token = jobs.job(session, ids["running"]).token
        jobs.release(session, ids["running"], token, state=filling.S.SUCCEEDED, reason="done")

    watcher.wait(page, HEAD)

    assert "611 trials" in words(page)
    assert watcher.seconds == []


def selected(page):
    """The table, and the rows that it marks when it is new."""
    (table,) = page.dataframe
    return table.proto.id, json.loads(table.proto.selection_default)["selection"]["rows"]


def test_a_selection_stays_with_its_trial_when_another_comes_before_it(
    ids, open_page, watcher, found_more
):
    best = found_more(nwot=1e6)
    page = open_page("search", id=ids["running"], tab="trials", sort="nwot", trials=best)
    before, rows = selected(page)
    assert rows == [0]

    found_more(nwot=2e6)
    after, rows = selected(watcher.wait(page))

    assert after != before
    assert rows == [1]
    assert page.query_params["trials"] == str(best)


def test_a_table_that_only_grows_stays_as_it_is(ids, open_page, watcher, found_more):
    found_more(1.0, "cancelling")
    page = open_page("search", id=ids["cancelling"], tab="trials")
    before, _ = selected(page)

    found_more(2.0, "cancelling")
    after, _ = selected(watcher.wait(page))

    assert after == before
    assert "2 trials" in words(page)
