"""From training a supernet to an exported network that classifies digits, in a real browser."""

import csv
import io
import json
import re
import zipfile

import numpy as np
import onnxruntime
import pytest
from playwright.sync_api import expect

from search.datasets.digits import digits
from tests.e2e.searches import SUPERNET

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]

VALIDATION = "supernet_validation_accuracy"


def test_a_person_trains_a_supernet_searches_it_and_runs_what_it_exported(
    site, dashboard, tmp_path
):
    person = dashboard()

    trained = train_a_supernet(person)
    watch_its_training(person)
    ask_whether_its_ranking_is_to_be_trusted(person)
    by_macs = search_it_again(person, trained, "Fewest multiply-adds")
    by_params = search_it_again(person, by_macs, "Fewest parameters", measure="params")
    tuned = fine_tune_a_pick(person)
    exported, bundle = export_it(person, tmp_path)
    check_the_network(bundle, tmp_path)

    first, second, third = (scores(site, job) for job in (trained, by_macs, by_params))
    assert first[VALIDATION] == second[VALIDATION] == third[VALIDATION]
    assert first["macs"] == second["macs"]
    assert "params" in third
    assert "macs" not in third
    checked = json.loads(bundle["check.json"])["accuracy_percent"]["original"]
    assert scores(site, tuned)["fine_tuned_accuracy"] == [pytest.approx(checked)]
    assert scores(site, exported)["fine_tuned_accuracy"] == [pytest.approx(checked)]


def train_a_supernet(person):
    person.open("/new?as=YAML")
    text = person.page.get_by_role("textbox", name="The spec as YAML")
    text.fill(SUPERNET)
    text.press("Control+Enter")
    person.expect_text(re.compile("before them a supernet is trained by spos"))
    return submit(person)


def watch_its_training(person):
    person.page.get_by_role("tab", name="training").click()
    for panel in ("loss", "accuracy"):
        chart = person.page.locator(f"[class*=st-key-curve_{panel}]").first
        expect(chart.locator(".scatterlayer .trace path.js-line").first).to_be_visible()
    person.page.get_by_role("tab", name="files").click()
    person.expect_text(re.compile("trained supernet, .* hash [0-9a-f]{32}"))


def ask_whether_its_ranking_is_to_be_trusted(person):
    person.page.get_by_role("tab", name="ranking").click()
    person.expect_text(re.compile("looked at with 6 probes, but none of the probes has"))
    person.expect_text(re.compile(r"of the last two, at step \d+; 2 pairs"))
    person.expect_text(re.compile("no other seed of this training is in its group"))


def search_it_again(person, job, name, measure=None):
    person.open(f"/search?id={job}")
    person.press("Clone")
    person.page.wait_for_url(re.compile("/new"))
    person.fill("Name", name)
    if measure is None:
        person.choose("Supernet", "use a trained one")
    else:
        person.choose("Measure", measure, place=1)
    person.expect_text(re.compile("nothing is trained before"))
    found = submit(person)
    person.expect_text(name)
    person.expect_text("54 of 54" if measure is None else "27 of 54")  # scores from memory
    return found


def fine_tune_a_pick(person):
    person.click_a_front_point()
    take_further(person, "Fine-tune")
    person.page.get_by_text("Parameters of fine_tuned_accuracy", exact=True).click()
    person.fill("epochs", "2")
    return submit(person)


def export_it(person, folder):
    person.open(f"/search?id={person.query['id']}&trials=0")
    take_further(person, "Export")
    expect(person.page.get_by_role("combobox", name="Weights of")).to_have_value(
        "fine_tuned_accuracy"
    )
    job = submit(person)
    person.page.get_by_role("tab", name="files").click()
    with person.page.expect_download() as download:
        person.page.get_by_role("link", name="cell_27-trial-0.zip").first.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        return job, {name: archive.read(name) for name in archive.namelist()}


def check_the_network(bundle, folder):
    x_NCHW, labels = digits(folder).arrays(is_test=True)
    session = onnxruntime.InferenceSession(
        bundle["model.onnx"], providers=["CPUExecutionProvider"]
    )
    (given,) = session.get_inputs()
    (logits_NK,) = session.run(None, {given.name: x_NCHW})
    report = json.loads(bundle["check.json"])

    assert report["images"] == len(labels)
    percent = 100 * float(np.mean(logits_NK.argmax(1) == labels))
    assert percent == pytest.approx(report["accuracy_percent"]["model.onnx"])
    assert percent > 20  # digits are told apart: chance is 10


def take_further(person, action):
    person.press("Take further")
    person.page.get_by_role("link", name=re.compile(action)).click()
    person.page.wait_for_url(re.compile("/new"))
    expect(person.field("Name")).to_have_value(re.compile(f"^{action}: "))


def submit(person):
    person.settle()
    person.press("Submit")
    person.page.wait_for_url(re.compile(r"/search\?"))
    job = person.wait_for_query("id")
    person.wait_for_success()
    return job


def scores(site, job):
    """The values of each measure, by architecture."""
    rows = list(csv.DictReader(io.StringIO(site.archfront("export", "trials", job))))
    rows.sort(key=lambda row: row["arch_id"])
    names = [VALIDATION, "macs", "params", "fine_tuned_accuracy"]
    return {n: [float(row[n]) for row in rows] for n in names if n in rows[0]}
