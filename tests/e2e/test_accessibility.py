"""axe finds nothing serious on any page, in light and in dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.searches import SMALL

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGES = {
    "home": "/",
    "new search": "/new",
    "new search as YAML": "/new?as=YAML",
    "searches": "/searches",
    "search": "/search?id={job}",
    "search with a selection": "/search?id={job}&trials=0",
    "search log": "/search?id={job}&tab=log",
    "search that is not there": "/search?id=999",
    "search what if": "/search?id={job}&tab=what+if&mix=rank_sum",
    "board": "/board?from=search:{job}&truth=nwot",
    "board without sources": "/board",
    "architecture": "/arch?id={arch}",
    "workers": "/workers",
    "data": "/data",
}


@pytest.fixture(scope="module")
def found(site):
    """A finished search, and an architecture of it."""
    site.archfront("submit", "-", "--wait", stdin=SMALL)
    job = site.jobs()[0]["id"]
    exported = site.archfront("export", "trials", str(job)).splitlines()
    return {"job": job, "arch": exported[1].split(",")[2]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES.values(), ids=list(PAGES))
def test_axe_finds_nothing_serious(dashboard, found, path, scheme):
    person = dashboard(color_scheme=scheme).open(path.format(**found))

    violations = Axe().run(person.page).response["violations"]

    serious = [
        (v["id"], node["target"], node["failureSummary"])
        for v in violations
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]
    assert serious == []
