"""The web server is killed while a search runs: the search goes on, and the page shows it."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.dashboard import Dashboard
from tests.e2e.searches import LONG

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.chaos]


@pytest.fixture
def running(site):
    """A search that runs for as long as the test needs it."""
    site.archfront("submit", "-", stdin=LONG)
    job = site.jobs()[0]["id"]
    site.until(lambda: num_trials(site, job) > 5)
    yield job
    site.archfront("cancel", str(job))


def num_trials(site, job):
    return {found["id"]: found["num_trials"] for found in site.jobs()}[job]


def test_a_search_goes_on_while_the_web_server_is_killed_and_the_page_shows_it(
    site, new_context, running
):
    page = Dashboard(new_context().new_page(), site.address)
    page.open(f"/search?id={running}")
    before = page.num_trials

    site.part("app.server").kill()
    while_down = num_trials(site, running)
    site.until(site.is_healthy)

    page.wait_for_more_trials_than(max(before, while_down))
    expect(page.page.get_by_text(re.compile("Running")).first).to_be_visible()
