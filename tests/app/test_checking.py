"""Train to check: from trials of a search to the draft that trains them."""

import numpy as np
import pytest

from app import checking, estimates
from app.measures import Measure
from db import jobs, trial_pages
from db.columns import Columns
from db.pace import Pace
from db.session import reading
from search.check import check, num_evaluations
from search.spaces import spaces
from search.spec import parse_submission
from tests.app import filling
from tests.app.conftest import words
from workers import queue

MEASURE = Measure(place=0, name="nwot", metric="nwot", direction="maximize")
SPACE = spaces["nasbench201"]
TEXTS = [SPACE.encode(SPACE.at(index)) for index in (5, 3)]


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(queue, "send", lambda job_id, name: True)


def columns(values):
    num = len(values)
    return Columns(
        numbers=np.arange(num, dtype=np.int32),
        arch_ids=np.array([b"a"] * num),
        states=np.zeros(num, np.int8),
        values=np.array(values, float)[:, None],
        statuses=np.zeros((num, 1), np.int8),
        from_memory=np.zeros((num, 1), bool),
        clock_s=np.full(num, np.nan),
        objectives=("nwot",),
    )


def test_a_sample_is_spread_over_all_ranks():
    shuffled = np.random.default_rng(0).permutation(100)

    chosen = checking.spread(columns(shuffled), MEASURE, 10, seed=1)

    assert sorted(shuffled[number] // 10 for number in chosen) == list(range(10))


def test_trials_without_a_value_are_in_no_rank():
    assert checking.spread(columns([np.nan, 1, 2, np.nan]), MEASURE, 10, seed=1) == [1, 2]
    assert checking.spread(columns([np.nan]), MEASURE, 10, seed=1) == []


def test_a_random_sample_has_different_trials():
    chosen = checking.at_random(columns(range(50)), 20, seed=3)

    assert len(set(chosen)) == 20
    assert checking.at_random(columns(range(50)), 20, seed=3) == chosen
    assert checking.at_random(columns(range(5)), 20, seed=3) == [0, 1, 2, 3, 4]


def test_an_address_spells_trials_and_survives_nonsense():
    assert checking.read_numbers(checking.numbers_text([7, 3, 7])) == [7, 3]
    assert checking.read_numbers("x,-1,4,99999999999,4,²") == [4]
    assert len(checking.read_numbers(",".join(map(str, range(500))))) == checking.MAX_CHECKED


def draft(**spec):
    given = {"name": "a sweep", "space": {"name": "nasbench201"}, "data": {"name": "digits"}}
    return checking.draft_of({**given, **spec}, [*TEXTS, TEXTS[0]], filling.offered())


def test_the_draft_trains_each_architecture_once_where_the_search_was():
    made = draft(network={"channels": 4}, seed=7, objectives=[{"metric": "nwot"}])

    assert made["strategy"]["params"]["archs"] == TEXTS
    assert made["budget"] == {"trials": 2}
    assert (made["network"], made["seed"]) == ({"channels": 4}, 7)
    assert made["objectives"] == [{"metric": "accuracy"}]


def test_the_draft_passes_the_check():
    submission = parse_submission(draft())

    check(submission, filling.offered())

    assert num_evaluations(submission, filling.offered()) == 2


def test_text_gets_a_measure_of_text():
    measures = {"accuracy": "any", "bits_per_character": "text"}
    plugins = [
        filling.Plugin(kind="training", name=name, traits={"needs_data": needed})
        for name, needed in measures.items()
    ]
    text = filling.Plugin(kind="dataset", name="text", traits={"content": "text"})
    catalogue = filling.Catalogue(plugins=(*plugins, text))

    assert checking.objectives(catalogue, "text") == [{"metric": "bits_per_character"}]
    assert checking.objectives(catalogue, "digits") == [{"metric": "accuracy"}]


def test_the_address_of_trials_opens_the_form_filled_in(ids, open_page):
    page = open_page("new", check=ids["succeeded"], trials="2,5")

    made = page.session_state["draft"]
    with reading() as session:
        expected = [
            SPACE.encode(trial_pages.trial(session, ids["succeeded"], number).choices)
            for number in (2, 5)
        ]
    assert made["strategy"]["params"]["archs"] == expected
    assert "accuracy (trained alone)" in [box.value for box in page.selectbox] or any(
        "accuracy (trained alone)" in box.options for box in page.selectbox
    )


def test_what_the_form_was_opened_with_can_be_submitted(ids, open_page):
    page = open_page("new", check=ids["succeeded"], trials="2,5")

    page.button(key="submit").click().run()

    with reading() as session:
        row = jobs.jobs_page(session).rows[0]
        spec = jobs.job(session, row.id).spec
    assert row.strategy == "listed"
    assert spec["objectives"][0]["direction"] == "maximize"
    assert len(spec["strategy"]["params"]["archs"]) == 2


@pytest.mark.parametrize("query", [{"check": 4711, "trials": "1"}, {"check": "x"}])
def test_trials_that_are_not_there_leave_a_fresh_draft(ids, open_page, query):
    page = open_page("new", **query)

    assert page.session_state["draft"]["strategy"]["name"] == "random"
    assert not page.exception


def test_a_search_offers_to_train(ids, open_page):
    page = open_page("search", id=ids["succeeded"], trials="2")

    assert "Trains architectures alone" in words(page)
    assert not page.exception


def test_an_estimate_grows_with_the_epochs():
    spec = {"objectives": [{"metric": "accuracy", "params": {"epochs": 6}}]}
    wanted = parse_submission({**draft(), "objectives": [{"metric": "accuracy"}]})

    seconds = estimates._seconds(
        wanted.objectives[0], wanted, [Pace(1, spec, 0, 30.0)], filling.offered()
    )

    assert seconds == 60.0
