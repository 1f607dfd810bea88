"""axe finds nothing serious on any page, in light and in dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.e2e.searches import SMALL, SUPERNET

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

GROUND = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 23, 29)"}
OPTIONS = {"resultTypes": ["violations"]}
PAGES = {
    "home": "/",
    "new search": "/new",
    "new search as YAML": "/new?as=YAML",
    "searches": "/searches",
    "search": "/search?id={job}",
    "search with a selection and its log": "/search?id={job}&trials=0&tab=log",
    "search that is not there": "/search?id=999",
    "search what if": "/search?id={job}&tab=what+if&mix=rank_sum",
    "training of a supernet": "/search?id={trained}&tab=training",
    "ranking of a supernet": "/search?id={trained}&tab=ranking",
    "files of a search with a pick": "/search?id={trained}&trials=0&tab=files",
    "new search of a supernet": "/new?clone={trained}",
    "export filled in": "/new?inherit={trained}&way=export&trials=0",
    "board": "/board?from=search:{job}&truth=nwot",
    "board without sources": "/board",
    "architecture": "/arch?id={arch}",
    "workers": "/workers",
    "data": "/data",
}


@pytest.fixture(scope="module")
def found(site):
    """A finished search, an architecture of it, and a search that has trained a supernet."""
    site.archfront("submit", "-", "--wait", stdin=SMALL)
    job = site.jobs()[0]["id"]
    exported = site.archfront("export", "trials", str(job)).splitlines()
    site.archfront("submit", "-", "--wait", stdin=SUPERNET)
    trained = site.jobs()[0]["id"]
    return {"job": job, "arch": exported[1].split(",")[2], "trained": trained}


@pytest.mark.parametrize("path", PAGES.values(), ids=list(PAGES))
def test_axe_finds_nothing_serious(dashboard, found, path):
    person = dashboard(color_scheme="light").open(path.format(**found))
    in_the_light = serious_violations(person, "light")

    person.page.emulate_media(color_scheme="dark")
    person.page.reload()  # in the same browser, which has everything by now

    assert in_the_light + serious_violations(person, "dark") == []


def serious_violations(person, scheme):
    person.settle()
    expect(person.page.get_by_test_id("stApp")).to_have_css("background-color", GROUND[scheme])
    return [
        (scheme, violation["id"], node["target"], node["failureSummary"])
        for violation in Axe().run(person.page, options=OPTIONS).response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
