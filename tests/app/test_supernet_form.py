"""A supernet in the form: none, trained first, or there already."""

from datetime import UTC, datetime

import pytest
import yaml

from app import supernet_form, supernet_presets
from app.about_metric import lines
from db import jobs
from db.session import reading, transaction
from search.catalogue import CheckpointInfo
from tests.app import filling, supernets
from tests.app.conftest import words
from tests.app.supernets import DIGEST
from workers import queue


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(queue, "send", lambda job_id, name: True)


@pytest.fixture
def trained(with_worker):
    with transaction() as session:
        return supernets.add(session)


def field(page, kind, label):
    return next(one for one in getattr(page, kind) if one.label == label)


def draft(page):
    return page.session_state["draft"]


def with_supernet(open_page, name="spos"):
    page = open_page("new")
    page.button(key=f"preset_supernet: {name}").click().run()
    return page


def test_there_is_none_unless_somebody_wants_one(with_worker, open_page):
    page = open_page("new")

    assert field(page, "selectbox", "Supernet").value == supernet_form.NONE
    assert "supernet" not in draft(page)


def test_a_preset_trains_quickly_and_says_what_the_authors_do(with_worker, open_page):
    page = with_supernet(open_page)

    assert draft(page)["supernet"] == {"recipe": {"name": "spos", "params": {"epochs": 30}}}
    assert "The authors' settings: epochs 150" in words(page).replace("\\", "")
    assert not page.button(key="submit").disabled


def test_the_authors_settings_are_one_click_away(with_worker, open_page):
    page = with_supernet(open_page)

    next(b for b in page.button if b.label == "Take the authors' settings").click().run()

    assert draft(page)["supernet"] == {"recipe": {"name": "spos"}}
    assert field(page, "number_input", "epochs").value == 150


def test_what_is_watched_goes_into_the_spec(with_worker, open_page):
    page = with_supernet(open_page)

    field(page, "number_input", "Probes").set_value(40).run()
    page.button(key="submit").click().run()

    with reading() as session:
        spec = jobs.jobs_page(session).rows[0].spec
    assert spec["supernet"]["probes"] == 40
    assert spec["supernet"]["recipe"]["name"] == "spos"


def test_too_many_probes_are_refused_at_their_field(with_worker, open_page):
    page = with_supernet(open_page)

    field(page, "number_input", "Probes").set_value(4000).run()

    assert "4000 is too large" in words(page).replace("\\", "")
    assert page.button(key="submit").disabled


def test_three_mistakes_are_seen_at_their_fields_at_once(with_worker, open_page):
    page = with_supernet(open_page)

    field(page, "number_input", "Probes").set_value(4000)
    field(page, "number_input", "epochs").set_value(0)
    field(page, "number_input", "Trials").set_value(0).run()

    said = [m.value.replace("\\", "") for m in page.markdown if m.value.startswith(":red[")]
    assert sum("4000 is too large" in one for one in said) == 1
    assert sum("0 is too small: at least 1" in one for one in said) == 2
    assert page.button(key="submit").disabled


def test_a_recipe_says_why_it_cannot_train_the_space(with_worker, open_page):
    page = with_supernet(open_page)

    field(page, "selectbox", "Recipe").select("bignas").run()

    said = words(page).replace("\\", "")
    assert "Bignas cannot train nasbench201: it has no largest architecture" in said
    assert page.button(key="submit").disabled


def test_a_reconstruction_is_labelled_where_it_is_chosen(with_worker, open_page):
    page = with_supernet(open_page, "shiftnas")

    assert ":orange-badge[reconstruction]" in words(page)
    assert any(
        "Does not train" in line for line in lines("bignas", filling.offered(), ("recipe",))
    )


def test_an_objective_that_reads_the_supernet_is_offered(with_worker, open_page):
    page = open_page("new")
    field(page, "selectbox", "Supernet").select(supernet_form.TRAIN).run()

    next(b for b in page.button if b.label.startswith("Add supernet")).click().run()

    assert draft(page)["objectives"][0]["metric"] == "supernet_validation_accuracy"
    assert not [b for b in page.button if b.label.startswith("Add supernet")]


def test_a_trained_one_is_chosen_by_what_it_is(trained, open_page):
    page = with_supernet(open_page)

    field(page, "selectbox", "Supernet").select(supernet_form.USE).run()

    (option,) = field(page, "selectbox", "Trained supernet").options
    assert "spos, 1,200 steps on digits" in option
    assert "4.2 MB" in option
    assert draft(page)["supernet"] == {"checkpoint": DIGEST}
    assert "The search that trained it" in words(page)


def test_without_a_trained_one_the_next_step_is_told(with_worker, open_page):
    page = with_supernet(open_page)

    field(page, "selectbox", "Supernet").select(supernet_form.USE).run()

    assert "Nobody has trained a supernet of nasbench201 yet" in words(page).replace("\\", "")
    assert not page.exception


def test_the_form_shows_what_the_yaml_says(with_worker, open_page):
    page = with_supernet(open_page)
    text = yaml.safe_dump({**draft(page), "supernet": {"checkpoint": "f" * 32}})
    page.session_state["draft"] = yaml.safe_load(text)
    page.session_state["edition"] += 1
    page.run()

    assert field(page, "selectbox", "Trained supernet").value == "f" * 32
    assert "There is no checkpoint" in words(page)


def test_presets_of_recipes_fit_their_space():
    found = supernet_presets.presets(filling.offered(), "digits")

    assert list(found) == ["supernet: shiftnas", "supernet: spos"]


def test_an_export_belongs_to_what_is_listed(with_worker, open_page):
    page = with_supernet(open_page)
    assert not [t for t in page.toggle if t.label == "Export as files"]

    field(page, "selectbox", "Method").select("listed").run()
    field(page, "toggle", "Export as files").set_value(True).run()

    assert draft(page)["export"] == {
        "weights": "supernet_validation_accuracy",
        "formats": ["pytorch", "onnx"],
    }


def test_a_trained_one_in_words():
    info = CheckpointInfo.model_validate(
        supernets.checkpoint_info(digest=DIGEST, name="a supernet", size_bytes=4_200_000)
    )

    said = supernet_form.checkpoint_words(info, datetime.now(UTC))

    assert said.startswith("a supernet: spos, 1,200 steps on digits, ")


def test_one_that_was_kept_on_the_way_says_how_far_it_is():
    info = CheckpointInfo.model_validate(
        supernets.checkpoint_info(digest=DIGEST, steps=300, num_steps=1_200)
    )

    said = supernet_form.checkpoint_words(info, datetime.now(UTC))

    assert said.startswith("spos, 300 of 1,200 steps on digits, ")


def test_how_many_are_kept_on_the_way_is_a_field(with_worker, open_page):
    page = with_supernet(open_page)

    field(page, "number_input", "Kept on the way").set_value(3).run()

    assert draft(page)["supernet"]["kept"] == 3


def test_what_nobody_has_trained_has_no_time(with_worker, open_page):
    assert "nobody has trained this space by it" in words(with_supernet(open_page))


def test_a_training_takes_as_long_as_one_before_and_more_with_more_epochs(trained, open_page):
    page = with_supernet(open_page)
    assert "a supernet is trained by spos: about **83 s**" in words(page).replace("\\", "")

    field(page, "number_input", "epochs").set_value(60).run()

    assert "about **2.8 min**" in words(page).replace("\\", "")


def test_a_trained_one_adds_nothing(trained, open_page):
    page = with_supernet(open_page)

    field(page, "selectbox", "Supernet").select(supernet_form.USE).run()

    assert "nothing is trained before" in words(page)
