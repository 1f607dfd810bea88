"""Describing a search: the form, the same as YAML, and what is said before submitting."""

import pytest
import streamlit
import yaml

from app import presets
from app.views import new
from db import jobs
from db.session import reading, transaction
from tests.app import filling
from tests.app.conftest import words
from workers import queue


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(queue, "send", lambda job_id, name: True)


def draft(page):
    return page.session_state["draft"]


def submitted():
    with reading() as session:
        return jobs.jobs_page(session).rows[0]


def test_the_first_draft_can_be_submitted(with_worker, open_page):
    page = open_page("new")

    page.button(key="submit").click().run()

    assert submitted().state == "queued"
    assert submitted().strategy == "random"


def test_submitting_leads_to_the_search(with_worker, open_page):
    page = open_page("new")

    page.button(key="submit").click().run()

    assert page.query_params["id"] == str(submitted().id)


def test_without_a_worker_nothing_can_be_submitted(empty, open_page):
    page = open_page("new")

    assert page.button(key="submit").disabled
    assert "archfront worker" in words(page)


def test_several_seeds_make_a_group(with_worker, open_page):
    page = open_page("new")

    seeds = next(field for field in page.number_input if field.label == "Seeds")
    seeds.set_value(3).run()
    page.button(key="submit").click().run()

    assert submitted().group_id
    assert submitted().seed == 2


def test_a_clone_begins_with_the_spec_of_its_origin(ids, open_page):
    page = open_page("new", clone=ids["succeeded"])

    assert draft(page)["name"] == "NB201 digits sweep"
    assert [o["metric"] for o in draft(page)["objectives"]] == ["nwot", "macs", "latency_ms"]


def test_a_clone_remembers_its_origin(ids, open_page):
    page = open_page("new", clone=ids["succeeded"])

    page.button(key="submit").click().run()

    assert submitted().cloned_from == ids["succeeded"]


def test_a_clone_of_nothing_is_a_fresh_draft(ids, open_page):
    page = open_page("new", clone=4711)

    assert not page.exception
    assert draft(page)["name"] == "nasbench201 quick look"


def test_a_wrong_number_is_told_at_its_field(with_worker, open_page):
    page = open_page("new")

    batch = next(field for field in page.number_input if field.label == "Images in the batch")
    batch.set_value(1).run()

    assert any("1 is too small" in m.value for m in page.markdown)
    assert page.button(key="submit").disabled


def test_a_parameter_out_of_range_is_told_at_its_field(with_worker, open_page):
    page = open_page("new")
    page.button(key="preset_evolution").click().run()

    population = next(field for field in page.number_input if field.label == "population")
    population.set_value(2).run()

    assert any("too small" in m.value for m in page.markdown)


def test_an_objective_can_be_added_and_removed(with_worker, open_page):
    page = open_page("new")

    next(b for b in page.button if b.label == "Add an objective").click().run()
    assert len(draft(page)["objectives"]) == 3

    next(b for b in page.button if b.key and b.key.endswith("objectives.0.remove")).click().run()
    assert len(draft(page)["objectives"]) == 2


def test_a_constraint_is_part_of_the_draft(with_worker, open_page):
    page = open_page("new")

    next(b for b in page.selectbox if b.key.endswith("objectives.1.sign")).set_value("at most")
    page.run()
    next(b for b in page.number_input if b.key.endswith("objectives.1.bound")).set_value(1e8).run()

    assert draft(page)["objectives"][1]["at_most"] == 1e8


def test_the_yaml_says_the_same_as_the_form(with_worker, open_page):
    form = draft(open_page("new"))

    page = open_page("new", **{"as": "YAML"})

    written = yaml.safe_load(page.text_area[0].value)
    assert written["name"] == form["name"]
    assert written["objectives"] == form["objectives"]


def test_what_was_typed_as_yaml_is_in_the_form(with_worker, open_page):
    page = open_page("new", **{"as": "YAML"})
    text = page.text_area[0].value.replace("quick look", "typed by hand")

    page.text_area[0].set_value(text).run()
    page.segmented_control(key="as").set_value("Form").run()

    assert page.text_input[0].value == "nasbench201 typed by hand"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "not valid YAML in line 1"),
        ("just words", "a spec is a mapping"),
        ("version: 99\nname: x", "newer than the 1 known here"),
        ("name: x", "is missing; fill it in"),
    ],
)
def test_wrong_yaml_is_told_beside_it(with_worker, open_page, text, message):
    page = open_page("new", **{"as": "YAML"})

    page.text_area[0].set_value(text).run()

    assert message in words(page).replace("\\", "")
    assert not page.exception


def test_the_summary_knows_what_scores_cost(ids, open_page):
    said = words(open_page("new"))

    assert "100 evaluations" in said
    assert "on one worker" in said
    assert "3 searches wait ahead" in said


@pytest.mark.parametrize("name", presets.presets(filling.offered()))
def test_a_preset_can_be_submitted_as_it_stands(with_worker, open_page, name):
    page = open_page("new")

    page.button(key=f"preset_{name}").click().run()

    assert not page.button(key="submit").disabled


def test_a_warm_start_is_described_and_submitted(with_worker, open_page):
    page = open_page("new")
    page.button(key="preset_warm-started evolution").click().run()

    pool = next(field for field in page.number_input if field.label == "Architectures in the pool")
    pool.set_value(500).run()

    assert "a pool of up to **500**" in words(page)
    page.button(key="submit").click().run()
    assert submitted().spec["warm_start"] == {"objective": 2, "pool": 500}


def test_a_warm_start_can_be_left_out_again(with_worker, open_page):
    page = open_page("new")
    page.button(key="preset_warm-started evolution").click().run()

    toggle = next(t for t in page.toggle if t.label == "Begin with the best of a pool")
    toggle.set_value(False).run()

    assert "warm_start" not in draft(page)
    assert not [field for field in page.selectbox if field.label == "Ranked by"]


def test_a_strategy_that_takes_no_warm_start_has_no_place_for_one(with_worker, open_page):
    page = open_page("new")

    assert not [t for t in page.toggle if t.label == "Begin with the best of a pool"]


def test_a_warm_start_that_does_not_fit_says_so_at_its_field(with_worker, open_page):
    page = open_page("new")
    held = {**draft(page), "warm_start": {"objective": 7, "pool": 1}}
    page.session_state["draft"] = held
    page.session_state["edition"] += 1
    page.run()

    said = words(page)
    assert "1 is too small" in said
    assert page.button(key="submit").disabled


def test_empty_parts_are_not_written():
    assert new._as_yaml({"name": "x", "seed": 0, "space": {"name": "s", "params": {}}}) == (
        "name: x\nspace:\n  name: s\n"
    )


def test_the_form_fills_itself_when_the_first_worker_comes(empty, open_page):
    page = open_page("new")
    assert not [b for b in page.button if (b.key or "").startswith("preset_")]

    with transaction() as session:
        filling.add_worker(session)
    streamlit.cache_resource.clear()
    page.run()

    assert draft(page)["name"] == "nasbench201 quick look"
    assert [b for b in page.button if (b.key or "").startswith("preset_")]
    assert not page.button(key="submit").disabled


def test_a_name_that_was_typed_before_the_first_worker_came_stays(empty, open_page):
    page = open_page("new")
    next(f for f in page.text_input if f.label == "Name").set_value("mine").run()

    with transaction() as session:
        filling.add_worker(session)
    streamlit.cache_resource.clear()
    page.run()

    assert draft(page)["name"] == "mine"
    assert draft(page)["objectives"]
