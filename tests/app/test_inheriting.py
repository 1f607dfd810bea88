"""From a search of a supernet to the searches that take its architectures further."""

import pytest

from app import inheriting
from db import jobs, trials
from db.session import reading, transaction
from search.catalogue import Catalogue
from search.check import check
from search.spec import parse_submission
from tests.app import filling, supernets
from tests.app.conftest import words
from tests.app.supernets import DIGEST
from workers import queue
from workers.catalogue import catalogue


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(queue, "send", lambda job_id, name: True)


@pytest.fixture
def trained(with_worker):
    with transaction() as session:
        return supernets.add(session, digest=DIGEST)


def draft(open_page, job_id, way, trials_text="2,5"):
    page = open_page("new", inherit=job_id, way=way, trials=trials_text)
    assert not page.exception
    return page.session_state["draft"]


@pytest.mark.parametrize(
    ("way", "metric", "has_supernet"),
    [
        ("inherit", "supernet_accuracy", True),
        ("fine_tune", "fine_tuned_accuracy", True),
        ("alone", "accuracy", False),
        ("export", "supernet_accuracy", True),
    ],
)
def test_each_way_fills_in_a_search_of_these_architectures(
    trained, open_page, way, metric, has_supernet
):
    made = draft(open_page, trained, way)

    archs = supernets.probes()
    assert made["strategy"] == {"name": "listed", "params": {"archs": [archs[2], archs[5]]}}
    assert [part["metric"] for part in made["objectives"]] == [metric]
    assert made.get("supernet") == ({"checkpoint": DIGEST} if has_supernet else None)


@pytest.mark.parametrize("way", inheriting.ACTIONS)
def test_what_is_filled_in_can_be_submitted(trained, open_page, way):
    page = open_page("new", inherit=trained, way=way, trials="2")

    page.button(key="submit").click().run()

    with reading() as session:
        job = jobs.jobs_page(session).rows[0]
    assert job.cloned_from == trained
    assert job.strategy == "listed"


def test_an_export_names_the_weights_that_are_written(trained, open_page):
    made = draft(open_page, trained, "export")

    assert made["export"] == {"weights": "supernet_accuracy", "formats": ["pytorch", "onnx"]}
    with reading() as session:
        check(parse_submission(made), catalogue(session))


def test_an_export_of_what_was_fine_tuned_writes_these_weights(trained):
    part = {"name": "tuned", "metric": "fine_tuned_accuracy", "params": {"epochs": 3}}
    spec = supernets.spec(objectives=[part, {"name": "macs", "metric": "macs"}])
    offered = filling.offered()

    made = inheriting.draft_of(spec, supernets.probes(1), "export", DIGEST, offered)

    assert made["objectives"] == [part]
    assert made["export"]["weights"] == "tuned"
    with reading() as session:
        check(parse_submission(made), catalogue(session))


def test_a_search_that_reads_a_supernet_hands_it_on(trained, open_page):
    with transaction() as session:
        user = supernets.add_user(session)
        supernets.add_found(session, user)

    assert draft(open_page, user, "inherit", "0")["supernet"] == {"checkpoint": DIGEST}


def test_trials_that_there_are_not_fill_in_nothing(trained, open_page):
    assert draft(open_page, trained, "inherit", "999")["name"] == "nasbench201 quick look"


def test_a_picked_architecture_can_be_taken_further(trained, open_page):
    page = open_page("search", id=trained, trials="3")

    said = words(page)
    assert not page.exception
    assert all(f"**{action.label}**" in said for action in inheriting.ACTIONS.values())


def test_the_best_of_a_single_measure_can_be_taken_further(with_worker, open_page):
    with transaction() as session:
        job_id = supernets.add_measured_once(session)

    said = words(open_page("search", id=job_id))

    assert "**Export**" in said
    assert "Trial 3:" in said


def test_a_search_without_a_supernet_offers_none_of_it(ids, open_page):
    assert "**Fine-tune**" not in words(open_page("search", id=ids["succeeded"], trials="3"))


def test_the_architecture_page_offers_the_same(trained, open_page):
    with reading() as session:
        arch_id = trials.trial(session, trained, 3).arch_id

    page = open_page("arch", id=arch_id)

    assert not page.exception
    assert "**Export**" in words(page)


def test_only_what_somebody_offers_is_offered():
    spec = supernets.spec()
    assert inheriting.offered(Catalogue(), spec, DIGEST) == ["alone"]
    assert inheriting.offered(filling.offered(), spec, None) == ["alone"]
    assert inheriting.offered(filling.offered(), spec, DIGEST) == list(inheriting.ACTIONS)
    assert inheriting.offered(filling.offered(), filling.a_spec("x"), None) == []


def test_networks_that_were_trained_alone_can_be_exported(with_worker, open_page):
    with transaction() as session:
        alone = supernets.add_trained_alone(session)

    assert "Export" in words(open_page("search", id=alone, trials="2"))
    made = draft(open_page, alone, "export", "2")

    assert "supernet" not in made
    assert made["export"] == {"weights": "accuracy", "formats": ["pytorch", "onnx"]}
    assert [part["metric"] for part in made["objectives"]] == ["accuracy"]
    with reading() as session:
        check(parse_submission(made), catalogue(session))


def test_files_are_listed_with_hash_size_and_link(trained, open_page):
    said = words(open_page("search", id=trained, tab="files"))

    assert f"(/api/artifacts/{DIGEST})" in said
    assert f"4\\.2 MB, hash {DIGEST}" in said
    assert "trained supernet" in said


def test_a_trained_supernet_can_be_searched_again(trained, open_page):
    page = open_page("new", supernet=DIGEST)

    made = page.session_state["draft"]
    assert not page.exception
    assert made["supernet"] == {"checkpoint": DIGEST}
    assert [part["metric"] for part in made["objectives"]] == list(supernets.OBJECTIVES)
    page.button(key="submit").click().run()
    with reading() as session:
        again = jobs.job(session, jobs.jobs_page(session).rows[0].id)
    assert again.spec["supernet"]["checkpoint"] == DIGEST


@pytest.mark.parametrize("digest", ["f" * 32, "nothing"])
def test_a_supernet_that_is_not_there_leaves_the_form_alone(trained, open_page, digest):
    page = open_page("new", supernet=digest)

    assert not page.exception
    assert any(digest in toast.value for toast in page.toast)
    assert not page.session_state["draft"].get("supernet")


def test_the_data_page_lists_supernets_and_who_uses_them(trained, open_page):
    with transaction() as session:
        supernets.add_user(session)

    page = open_page("data")

    said = words(page).replace("\\", "")
    assert not page.exception
    assert "nasbench201: spos, 1,200 steps on digits" in said
    assert "differs from the authors' settings: epochs 30" in said
    assert f"Trained by search {trained}" in said
    assert "Used by reads it" in said


def test_a_data_page_without_supernets_says_how_to_train_one(with_worker, open_page):
    said = words(open_page("data"))

    assert "one training, many fronts" in said
    assert "Train one" in said
