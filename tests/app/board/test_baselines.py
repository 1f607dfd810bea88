"""Baselines that a board lacks: who could get them, and what the form is filled in with."""

import pytest

from app.board import asking, baselines, figures
from app.board.asking import Request
from app.board.values import joined
from app.checking import MAX_CHECKED
from db import jobs
from db.session import reading, transaction
from search.check import check
from search.spec import parse_submission
from tests.app import filling
from tests.app.board.conftest import (
    NUM,
    SPACE,
    add_benchmark,
    add_search,
    board_table,
    quality,
)
from tests.app.conftest import words
from workers import queue

SCORES = [float(quality(index)) for index in range(NUM)]
ALL = filling.offered()
CATALOGUE = ALL.model_copy(
    update={
        "plugins": tuple(
            plugin.model_copy(update={"traits": {**plugin.traits, "is_independent": True}})
            if plugin.kind == "strategy" and plugin.name in ("random", "listed")
            else plugin
            for plugin in ALL.plugins
        )
    }
)
EVOLUTION = {"strategy": {"name": "nsga2", "params": {}}}


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(queue, "send", lambda job_id, name: True)


def remedy_of(*sources, catalogue=CATALOGUE):
    with reading() as session:
        request = Request(tuple(sources), truth="nb/cifar10_test")
        question = asking.question(asking.offer(session, request, catalogue), request)
        archs = joined(question.truth, question.scores)
        return baselines.remedy(session, question, archs, catalogue)


@pytest.fixture
def bare(with_worker, accuracies):
    """A benchmark of accuracies alone."""
    add_benchmark(cifar10_test=accuracies)
    return "benchmark:nb"


def test_a_search_that_asks_for_no_results_is_made_again(bare):
    job = add_search({"nwot": SCORES})

    found = remedy_of(f"search:{job}", bare)

    assert (found.metrics, found.job_id, found.numbers) == (("params", "macs"), job, ())
    assert (found.num_reached, found.num_archs) == (NUM, NUM)


def test_of_a_search_that_learns_the_architectures_are_listed(bare):
    job = add_search({"nwot": SCORES}, **EVOLUTION)

    found = remedy_of(f"search:{job}", bare)

    assert found.numbers == tuple(range(NUM))


def test_a_warm_start_cannot_be_made_again(bare):
    job = add_search({"nwot": SCORES}, warm_start={"objective": 1, "pool": 10})

    assert len(remedy_of(f"search:{job}", bare).numbers) == NUM


def test_more_than_can_be_listed_are_a_random_draw(bare, monkeypatch):
    monkeypatch.setattr(baselines, "MAX_CHECKED", 50)
    job = add_search({"nwot": SCORES}, **EVOLUTION)

    found = remedy_of(f"search:{job}", bare)

    assert len(set(found.numbers)) == 50 <= MAX_CHECKED
    assert found.numbers != tuple(range(50))
    assert (found.num_reached, found.num_archs) == (50, NUM)


def test_the_smaller_of_two_searches_with_the_same_architectures_is_chosen(bare):
    small = add_search({"nwot": SCORES[:20]})
    add_search({"synflow": SCORES}, first=NUM)

    assert remedy_of(f"search:{small}", "space:nasbench201", bare).job_id == small


def test_only_what_is_missing_and_offered_is_asked_for(bare):
    with_macs = add_search({"nwot": SCORES, "macs": SCORES})
    nothing = ALL.model_copy(update={"plugins": ()})

    assert remedy_of(f"search:{with_macs}", bare).metrics == ("params",)
    assert remedy_of(f"search:{with_macs}", bare, catalogue=nothing) is None


def test_without_any_search_the_benchmark_of_the_truth_is_counted(bare, accuracies):
    add_benchmark("scores", nwot=accuracies)

    found = remedy_of("benchmark:scores", bare)

    assert (found.metrics, found.table, found.job_id) == (("params", "macs"), "nb", 0)
    assert (found.num_reached, found.num_archs) == (NUM, NUM)


def test_the_architectures_of_a_part_of_a_space_are_listed(bare, open_page):
    page = open_page("new", count="nb", measure="params,macs")

    made = page.session_state["draft"]
    assert made["strategy"]["params"]["archs"] == [SPACE.encode(SPACE.at(i)) for i in range(NUM)]
    assert [part["metric"] for part in made["objectives"]] == ["params", "macs"]
    check(parse_submission(made), filling.offered())


def test_a_benchmark_of_most_of_a_space_is_counted_by_a_sweep(with_worker, open_page):
    add_benchmark("whole", "cell_27", accuracy=range(27))

    page = open_page("new", count="whole", measure="params")

    made = page.session_state["draft"]
    assert (made["strategy"], made["budget"]) == ({"name": "exhaustive"}, {"trials": 27})


def test_a_benchmark_that_is_gone_leaves_the_form_as_it_was(with_worker, open_page):
    page = open_page("new", count="gone", measure="params")

    assert "There is no benchmark gone" in page.toast[0].value
    assert not page.exception


def test_what_was_counted_for_the_space_is_on_every_board_of_it(bare, accuracies):
    add_benchmark("scores", nwot=accuracies)
    add_search({"params": SCORES, "macs": SCORES})
    request = Request(("benchmark:scores", bare), truth="nb/cifar10_test")

    with reading() as session:
        made = asking.offer(session, request, CATALOGUE)
    rows = {row.line.name: row for row in figures.rows(asking.question(made, request))}

    assert rows["params"].agreement.coverage.ok == NUM
    assert rows["macs"].agreement.everything.kendall.value == pytest.approx(1)
    assert remedy_of("benchmark:scores", bare) is None


def test_another_benchmark_of_the_space_has_them_too(bare, accuracies):
    add_benchmark("counted", params=accuracies)

    assert remedy_of(bare).metrics == ("macs",)


def test_those_of_another_network_are_left_alone(bare):
    mine = add_search({"nwot": SCORES}, network={"channels": 4})
    add_search({"params": SCORES, "macs": SCORES})

    assert remedy_of(f"search:{mine}", bare).metrics == ("params", "macs")


def test_the_form_is_filled_in_so_that_the_same_architectures_come_again(bare, open_page):
    job = add_search({"nwot": SCORES}, seed=7)

    page = open_page("new", check=job, measure="params,macs")

    made = page.session_state["draft"]
    assert [part["metric"] for part in made["objectives"]] == ["params", "macs"]
    assert (made["strategy"]["name"], made["seed"]) == ("random", 7)
    assert made["budget"] == {"trials": NUM}
    check(parse_submission(made), filling.offered())


def test_the_form_lists_what_cannot_come_again(bare, open_page):
    job = add_search({"nwot": SCORES}, **EVOLUTION)

    page = open_page("new", check=job, trials="3,5", measure="params")

    made = page.session_state["draft"]
    assert made["strategy"]["params"]["archs"] == [SPACE.encode(SPACE.at(i)) for i in (3, 5)]
    assert [part["metric"] for part in made["objectives"]] == ["params"]


def test_what_was_counted_comes_to_the_board_by_itself(bare, open_board):
    first = f"search:{add_search({'nwot': SCORES})}"
    page = open_board(first, bare, truth="nb/cifar10_test")
    assert board_table(page).count("not recorded") == 2
    assert "Count them for all" in words(page)

    add_search({"params": SCORES, "macs": SCORES})
    page = open_board(first, bare, truth="nb/cifar10_test")

    assert "not recorded" not in board_table(page)
    assert "Count them" not in words(page)


def test_a_board_without_a_truth_offers_what_was_made_from_its_search(with_worker, open_page):
    first = add_search({"nwot": SCORES})
    trained = add_search({"synflow": SCORES}, kind="standalone", name="Train to check")
    made_from(trained, f"search:{first}")
    page = open_page("board", **{"from": f"search:{first}"})

    page.button(key=f"add_search:{trained}").click().run()

    assert page.query_params["from"] == [f"search:{first}", f"search:{trained}"]


def test_what_is_submitted_knows_the_search_it_was_made_from(bare, open_page):
    job = add_search({"nwot": SCORES})
    page = open_page("new", check=job, measure="params,macs")

    page.button(key="submit").click().run()

    with reading() as session:
        assert jobs.jobs_page(session).rows[0].cloned_from == job


def made_from(job, source):
    with transaction() as session:
        jobs.job(session, job).cloned_from = int(source.partition(":")[2])
