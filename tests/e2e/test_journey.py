"""From describing a search to taking an architecture home, in a real browser over real workers."""

import json
import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_a_person_searches_explores_takes_home_shares_clones_and_cancels(
    site, dashboard, tmp_path
):
    person = dashboard()

    describe_a_search(person, "A journey")
    watch_it_live(person)
    trial = person.click_a_front_point()
    person.expect_text(f"Trial {trial}")
    permalink = person.page.url

    arch_id = take_home(person, tmp_path)
    colleague = dashboard()
    see_the_same(colleague, permalink, trial, arch_id)
    clone_change_and_cancel(person, permalink)

    names = {job["name"]: job["state"] for job in site.jobs()}
    assert names["Another journey"] == "cancelled"
    assert names["A journey"] == "cancelled"


def describe_a_search(person, name):
    person.open("/")
    person.press("New search")
    person.expect_text("Begin with:")
    person.press("evolution")
    expect(person.field("Name")).to_have_value("nasbench201 evolution")
    person.fill("Name", name)
    person.page.get_by_text("Network", exact=True).click()
    person.fill("cells", "1")
    person.fill("Trials", "20000")  # it must not end before it is cancelled
    person.expect_text(re.compile("about 20,000 evaluations"))
    person.press("Submit")
    person.wait_for_query("id")


def watch_it_live(person):
    person.expect_text("Running")
    person.wait_for_more_trials_than(3)
    person.wait_for_more_trials_than(person.num_trials)
    expect(person.page.get_by_role("progressbar").first).to_be_visible()
    person.choose("Live", "off")
    assert person.wait_for_query("live") == "off"


def take_home(person, folder):
    person.page.get_by_role("link", name="Open", exact=True).click()
    person.page.wait_for_url(re.compile("/arch"))
    person.expect_text("Neighbours by one edit")
    arch_id = person.query["id"]

    genotype = json.loads(person.download("Genotype (JSON)", folder).read_text())
    code = person.download("PyTorch code", folder)
    ran = subprocess.run(
        [sys.executable, code], cwd=folder, capture_output=True, text=True, check=False
    )

    assert genotype["id"] == arch_id
    assert genotype["arch"] in code.read_text()
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("(2, 10)")
    return arch_id


def see_the_same(colleague, permalink, trial, arch_id):
    colleague.page.goto(permalink)
    colleague.expect_text(f"Trial {trial}")
    link = colleague.page.get_by_role("link", name="Open", exact=True)
    expect(link).to_have_attribute("href", re.compile(arch_id))


def clone_change_and_cancel(person, permalink):
    person.page.goto(permalink)
    person.choose("Live", "2 s")
    cancel(person)
    person.press("Clone")
    person.page.wait_for_url(re.compile("/new"))
    expect(person.field("Name")).to_have_value("A journey")
    person.fill("Name", "Another journey")
    person.fill("Seed", "5")
    person.press("Submit")
    person.wait_for_query("id")
    person.expect_text("Another journey")
    cancel(person)


def cancel(person):
    person.press("Cancel")
    person.press("Cancel it")
    person.expect_text("Cancelled")
