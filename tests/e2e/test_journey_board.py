"""From a sweep of proxies to what was trained, and to the board that says which to believe."""

import re

import pytest
from playwright.sync_api import TimeoutError as NothingHappened
from playwright.sync_api import expect

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]

SWEEP = """
name: A sweep of proxies
space: {name: nasbench201}
network: {channels: 2, cells: 1}
data: {name: digits, batch_size: 8}
objectives: [nwot, synflow, params]
strategy: {name: random}
budget: {trials: 30}
"""
NUM_TRAINED = 8
FIGURE = re.compile(r"-?[01]\.\d{3}")
POINTS = "[class*=st-key-board_scatter] .scatterlayer .trace path.point"
HOVER = "[class*=st-key-board_scatter] .hoverlayer .hovertext"


def test_a_person_trains_a_sample_of_a_sweep_and_the_board_calibrates_its_proxies(site, dashboard):
    person = dashboard()

    sweep = submit_a_sweep(person)
    ask_the_board_without_a_truth(person, sweep)
    trained = train_a_sample(person, sweep)
    calibrate(person, sweep, trained)
    open_an_architecture_by_its_ranks(person)

    assert {job["id"]: job["strategy"] for job in site.jobs()}[int(trained)] == "listed"


def test_a_board_whose_sources_have_nothing_in_common_says_so(site, dashboard):
    for seed, score in ((1, "nwot"), (2, "synflow")):
        spec = SWEEP.replace("[nwot, synflow, params]", f"[{score}]").replace("30", "2")
        site.archfront("submit", "-", "--wait", stdin=f"{spec}seed: {seed}\n")
    first, second = [job["id"] for job in site.jobs()[:2]]

    person = dashboard().open(f"/board?from=search:{first}&from=search:{second}&truth=nwot")

    person.expect_text("at least two are needed: add a source that covers the same architectures")
    expect(person.page.get_by_role("combobox", name="Truth", exact=True)).to_be_visible()


def submit_a_sweep(person):
    person.open("/new?as=YAML")
    text = person.page.get_by_role("textbox", name="The spec as YAML")
    text.fill(SWEEP)
    text.press("Control+Enter")
    person.expect_text(re.compile("about 30 evaluations"))
    person.press("Submit")
    job = person.wait_for_query("id")
    person.wait_for_success()
    return job


def ask_the_board_without_a_truth(person, sweep):
    person.press("Board")
    person.page.wait_for_url(re.compile("/board"))
    assert person.wait_for_query("from") == f"search:{sweep}"
    person.expect_text(re.compile("None of these columns looks like an accuracy"))


def train_a_sample(person, sweep):
    person.open(f"/search?id={sweep}")
    person.press("Train to check")
    person.page.get_by_role("link", name=re.compile("a sample over the ranks of")).click()
    person.page.wait_for_url(re.compile("/new"))
    expect(person.field("Name")).to_have_value("Train to check: A sweep of proxies")
    person.fill("Trials", str(NUM_TRAINED))
    person.page.get_by_text("Parameters of accuracy", exact=True).click()
    person.fill("epochs", "1")
    person.expect_text(re.compile(f"about {NUM_TRAINED} evaluations"))
    person.press("Submit")
    person.page.wait_for_url(re.compile(r"/search\?"))
    job = person.wait_for_query("id")
    person.wait_for_success()
    return job


def calibrate(person, sweep, trained):
    person.press("Board")
    person.page.wait_for_url(re.compile("/board"))
    assert f"from=search%3A{trained}&from=search%3A{sweep}" in person.page.url
    person.expect_text(re.compile(rf"Truth: accuracy \(standalone; .*, {NUM_TRAINED} arch"))
    person.expect_text(re.compile("1,000 bootstrap resamples"))
    rows = person.page.locator("[class*=st-key-board_table] tbody tr")
    for score in ("nwot", "synflow", "params", "random"):
        row = rows.filter(has_text=re.compile(rf"^\s*{score}")).first
        expect(row.locator("td").nth(1)).to_contain_text(str(NUM_TRAINED))
        expect(row.locator("td").nth(2)).to_contain_text(FIGURE)
        expect(row.locator("td").nth(2)).to_contain_text(" to ")  # its interval
    expect(rows.filter(has_text="macs").first).to_contain_text("not recorded")


def open_an_architecture_by_its_ranks(person):
    points = person.page.locator(POINTS)
    expect(points).to_have_count(NUM_TRAINED)
    person.page.locator("[class*=st-key-board_scatter]").scroll_into_view_if_needed()
    for _ in range(5):
        box = points.last.bounding_box()
        if box is None:
            continue
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        try:
            person.page.mouse.move(x - 20, y - 20)
            person.page.mouse.move(x, y, steps=5)
            person.page.locator(HOVER).first.wait_for(timeout=5_000)
            person.page.mouse.click(x, y)
            person.page.wait_for_url(re.compile("/arch"), timeout=10_000)
        except NothingHappened:
            continue
        person.expect_text("Trained alone")
        person.expect_text("Proxies: of the untrained network")
        return
    raise AssertionError("no click on a rank opened an architecture")
