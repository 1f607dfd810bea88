"""Every page in every situation: it says something, and nothing goes wrong."""

import pytest

from app.pages import ENTRIES
from app.views import _search_head
from db import jobs, trials
from db.batch import Batch
from db.session import reading, transaction
from search.spaces import spaces
from tests.app import filling
from tests.app.conftest import words

PATHS = [entry.path for entry in ENTRIES.values()]
STATES = ["succeeded", "failed", "one", "running", "queued", "draft", "cancelling", "pausing"]
STATES += ["paused", "cancelled"]
TABS = ["trials", "control", "what if", "statuses", "metrics", "log", "spec", "history"]


@pytest.fixture(params=PATHS, ids=lambda path: path or "home")
def path(request):
    return request.param


def test_an_empty_record_is_explained(empty, open_page, path):
    page = open_page(path)

    assert not page.exception
    assert words(page)


def test_a_worker_and_nothing_else_is_explained(with_worker, open_page, path):
    page = open_page(path)

    assert not page.exception
    assert "No worker is running" not in words(page)


def test_a_full_record_is_shown(ids, open_page, path):
    page = open_page(path, id=ids["succeeded"])

    assert not page.exception
    assert not page.error


def test_a_record_without_a_worker_is_shown(without_worker, open_page, path):
    page = open_page(path, id=without_worker["succeeded"])

    assert not page.exception


@pytest.mark.parametrize("listed", ["", "new", "workers"])
def test_who_needs_a_worker_learns_how_to_start_one(without_worker, open_page, listed):
    assert "archfront worker" in words(open_page(listed))


@pytest.mark.parametrize("state", STATES)
def test_a_search_of_any_state_is_shown(ids, open_page, state):
    page = open_page("search", id=ids[state])

    assert not page.exception
    assert state == "one" or state in words(page).lower()


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("state", ["succeeded", "failed", "queued"])
def test_a_tab_is_shown(ids, open_page, tab, state):
    page = open_page("search", id=ids[state], tab=tab)

    assert not page.exception


@pytest.mark.parametrize("text", ["", "0", "99999", "-1", "x", "9" * 40, "1' OR 1=1"])
def test_a_search_that_is_not_there_is_explained(ids, open_page, text):
    page = open_page("search", id=text)

    assert "No such search" in words(page)
    assert not page.exception


@pytest.mark.parametrize("text", ["", "x", "0" * 20, "<script>"])
def test_an_architecture_that_is_not_there_is_explained(ids, open_page, text):
    page = open_page("arch", id=text)

    assert "No such architecture" in words(page)
    assert not page.exception


def test_an_address_of_nonsense_shows_the_search(ids, open_page):
    page = open_page(
        "search",
        id=ids["succeeded"],
        x="no",
        range="a",
        trials="9999999,x",
        limits="z:1",
        tab="no",
    )

    assert not page.exception
    assert "NB201 digits sweep" in words(page)


def test_a_failed_search_says_why(ids, open_page):
    page = open_page("search", id=ids["failed"])

    assert "twenty trials in a row failed" in page.error[0].value


def test_a_name_is_never_markup(ids, open_page):
    page = open_page("search", id=ids["failed"])

    assert "<script>" not in words(page)
    assert "\\<script\\>" in page.subheader[0].value


def test_a_selected_trial_is_drawn_and_compared(ids, open_page):
    page = open_page("search", id=ids["succeeded"], trials="3")

    assert "**Trial 3**" in words(page)
    assert "vs knee" in words(page)
    assert len(page.get("graphviz_chart")) == 1


@pytest.mark.parametrize(
    ("name", "told"), [("mobile", "times"), ("darts", "**normal 2**: "), ("none such", "")]
)
def test_what_is_too_large_for_a_drawing_is_told_in_words(with_worker, open_page, name, told):
    known = spaces.get(name)
    choices = known.at(1) if known else (0, 1)
    with transaction() as session:
        spec = filling.a_spec("large", ("macs",), space={"name": name, "params": {}})
        job_id = filling.add_job(session, spec)
        row = trials.TrialRow(0, known.key(choices) if known else "a key", choices, "done")
        trials.record(session, job_id, filling.claimed(session, job_id), Batch(trials=[row]))

    page = open_page("search", id=job_id, trials="0")

    assert not page.exception
    assert not page.get("graphviz_chart")
    assert told in words(page)


def test_a_score_that_failed_says_why_beside_it(ids, open_page):
    page = open_page("search", id=ids["succeeded"], trials="20")

    assert "nwot\\: out of memory" in words(page)


def test_several_selected_trials_stand_side_by_side(ids, open_page):
    page = open_page("search", id=ids["succeeded"], trials="3,7")

    assert "#3 | #7" in words(page)


def test_selecting_the_knee_is_in_the_address(ids, open_page):
    page = open_page("search", id=ids["succeeded"])

    button = next(b for b in page.button if b.label == "Select the knee")
    button.click().run()

    assert page.query_params["trials"]
    assert not page.exception


def test_limits_are_in_the_address(ids, open_page):
    page = open_page("search", id=ids["succeeded"])

    page.select_slider[1].set_value(20).run()

    assert page.query_params["limits"].startswith("macs:")


def test_pausing_is_asked_for(ids, open_page):
    page = open_page("search", id=ids["running"])

    page.button(key="pause").click().run()

    with reading() as session:
        assert jobs.job(session, ids["running"]).state == "pausing"


def test_resuming_queues_again(ids, open_page):
    page = open_page("search", id=ids["paused"])

    page.button(key="resume").click().run()

    with reading() as session:
        assert jobs.job(session, ids["paused"]).state == "queued"


def test_a_search_that_moved_on_meanwhile_is_told(ids, open_page):
    page = open_page("search", id=ids["running"])
    with transaction() as session:
        jobs.cancel(session, ids["running"], "somebody else")

    page.button(key="pause").click().run()

    assert "is cancelling" in page.toast[0].value
    assert not page.exception


def test_the_list_is_filtered_by_the_address(ids, open_page):
    page = open_page("searches", state="Failed")

    assert "1 search" in words(page)


def test_the_list_finds_a_name(ids, open_page):
    page = open_page("searches", q="digits")

    assert "NB201 digits sweep" in words(page)
    assert "never mind" not in words(page)


def test_an_empty_list_offers_to_drop_the_filters(ids, open_page):
    page = open_page("searches", q="nothing like this")

    assert "No search matches" in words(page)


def test_chosen_searches_say_how_many_can_be_cancelled(ids, open_page):
    page = open_page("searches")

    page.checkbox(key=f"pick{ids['queued']}").check()
    page.checkbox(key=f"pick{ids['succeeded']}").check().run()

    said = words(page)
    assert f"1 search will end: #{ids['queued']}. What it has found is kept." in said
    assert "Cancel it" in said
    page.button(key="cancel_chosen").click().run()
    with reading() as session:
        assert jobs.job(session, ids["queued"]).state is jobs.JobState.CANCELLED


def test_an_architecture_has_scores_standing_and_neighbours(ids, open_page):
    with reading() as session:
        arch_id = trials.trial(session, ids["succeeded"], 0).arch_id

    page = open_page("arch", id=arch_id)

    said = words(page)
    assert not page.exception
    assert "Where it stands" in said
    assert "Neighbours by one edit" in said
    assert "Costs" in said


def test_the_queue_has_places(ids, open_page):
    said = words(open_page("workers"))

    assert "Queue (3)" in said


def test_a_data_set_that_is_missing_says_why(ids, open_page):
    assert "put the archive into the data folder" in words(open_page("data"))


def test_live_that_was_switched_off_is_on_again_for_another_search(ids, open_page):
    page = open_page("search", id=ids["running"])
    page.selectbox(key="live").set_value("off").run()

    page.query_params["id"] = str(ids["seed0"])
    page.query_params.pop("live", None)
    page.run()

    assert page.selectbox(key="live").value == "2 s"


@pytest.mark.parametrize("live", ["2 s", "off"])
def test_the_head_follows_the_state_also_when_charts_stand_still(
    ids, open_page, live, monkeypatch
):
    asked = []
    show = _search_head.show
    monkeypatch.setattr(
        _search_head, "show", lambda *said, **how: asked.append(said[2]) or show(*said, **how)
    )

    page = open_page("search", id=ids["cancelling"], live=live)
    page.run()

    assert asked[-1] == 2


def test_history_names_the_machine_of_a_worker(ids, open_page):
    said = words(open_page("search", id=ids["succeeded"], tab="history"))

    assert "worker on machine" in said
    assert "worker-1" not in said


@pytest.mark.parametrize("path", ["", "searches", "search"])
def test_a_search_is_called_by_its_number_too(ids, open_page, path):
    number = ids["running"]

    assert f":gray[\\#{number}] live sweep" in words(open_page(path, id=number))


@pytest.mark.parametrize(
    ("state", "told"), [("paused", "has been looked at yet"), ("cancelled", "was looked at")]
)
def test_a_search_without_trials_says_whether_any_may_come(ids, open_page, state, told):
    assert told in words(open_page("search", id=ids[state]))


def test_trials_are_feasible_until_there_is_a_limit(ids, open_page):
    free = words(open_page("search", id=ids["succeeded"]))
    limited = words(open_page("search", id=ids["succeeded"], limits="macs:30000000"))

    assert "trials are feasible and scored" in free
    assert "trials are feasible and scored" not in limited


def test_nothing_hollow_is_explained_where_nothing_is(ids, open_page):
    assert "hollow" in words(open_page("search", id=ids["succeeded"]))
    assert "hollow" not in words(open_page("search", id=ids["one"]))


def test_neighbours_are_compared_under_the_same_settings_alone(with_worker, open_page):
    space = spaces["nasbench201"]
    here = space.at(0)
    near = space.neighbours(here)[0]
    data = {"name": "cifar10"}
    with transaction() as session:
        for arch, value, settings in [(near, 77.0, {"data": data}), (here, 50.0, {})]:
            content = {**filling.a_spec("one look", ("nwot",)), **settings}
            job_id = filling.add_job(session, content)
            row = trials.TrialRow(0, space.key(arch), arch, "done")
            score = trials.ScoreRow(0, 0, "proxy", "ok", value)
            batch = trials.Batch(trials=[row], scores=[score])
            trials.record(session, job_id, filling.claimed(session, job_id), batch)

    said = words(open_page("arch", id=trials.arch_id("nasbench201", space.key(here))))

    assert "1 of 24 is known" in said
    assert "77" not in said
