"""The dashboard as a person handles it: words on buttons, points in charts; no sleeping."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as NothingHappened

TIMEOUT_MS = 120_000  # what a person sees must come; how soon is not what journeys ask
JOB_MS = 420_000  # a whole search, beside the searches of other tests
FRONT_POINTS = "[class*=st-key-front_chart] .scatterlayer .trace:nth-of-type(3) path.point"
HOVER_LABEL = "[class*=st-key-front_chart] .hoverlayer .hovertext"
NUM_TRIALS = re.compile(r"of ([\d,]+) trials? on the front")

expect.set_options(timeout=TIMEOUT_MS)


class Dashboard:
    """One person's browser tab."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address

    def open(self, path: str) -> "Dashboard":
        self.page.goto(f"{self.address}{path}")
        self.settle()
        return self

    def settle(self) -> None:
        """Wait until the page has drawn what it has."""
        expect(self.page.get_by_test_id("stAppViewContainer")).to_be_visible()
        expect(
            self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]")
        ).to_be_visible()

    def press(self, name: str) -> None:
        whole = re.compile(rf"^{re.escape(name)}( Shortcut .*)?$")
        self.page.get_by_role("button", name=whole).first.click()

    def field(self, label: str) -> Locator:
        """A field of the form; while a page is drawn anew the old one stands after the new."""
        return self.page.get_by_label(label, exact=True).first

    def fill(self, label: str, value: str) -> None:
        self.settle()
        self.field(label).fill(value)
        self.field(label).press("Enter")
        self.settle()

    def choose(self, label: str, option: str, place: int = 0) -> None:
        """Choose in a list; again when the page was drawn anew and closed the list.

        An open list hides the page from readers, and so from us: one that stays open although
        something was chosen is closed, and opened again.
        """
        box = self.page.get_by_role("combobox", name=label, exact=True).nth(place)
        for _ in range(10):
            box.click()
            wanted = self.page.get_by_role("option", name=option, exact=True)
            try:
                wanted.click(timeout=20_000)
                wanted.wait_for(state="hidden", timeout=10_000)
            except NothingHappened:
                self.page.keyboard.press("Escape")
                continue
            self.settle()
            return
        raise AssertionError(f"{option} of {label} could not be chosen")

    def expect_text(self, text: str | re.Pattern[str]) -> Locator:
        found = self.page.get_by_text(text).first
        expect(found).to_be_visible()
        return found

    def wait_for_success(self) -> None:
        """Wait until the search that is looked at has succeeded."""
        expect(self.page.get_by_text("Succeeded").first).to_be_visible(timeout=JOB_MS)

    @property
    def query(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(urlsplit(self.page.url).query).items()}

    def wait_for_query(self, key: str) -> str:
        self.page.wait_for_url(lambda url: key in parse_qs(urlsplit(url).query))
        return self.query[key]

    @property
    def num_trials(self) -> int:
        text = self.expect_text(NUM_TRIALS).inner_text()
        found = NUM_TRIALS.search(text)
        assert found is not None
        return int(found[1].replace(",", ""))

    def wait_for_more_trials_than(self, num: int) -> None:
        self.page.wait_for_function(
            """num => {
              const found = document.body.innerText.match(/of ([\\d,]+) trials? on the front/);
              return found && Number(found[1].replaceAll(',', '')) > num;
            }""",
            arg=num,
        )

    def click_a_front_point(self) -> str:
        """Click a point of the front; again only when nothing can have come of it.

        A second click on a point that is selected would take the selection back.
        """
        points = self.page.locator(FRONT_POINTS)
        expect(points.first).to_be_visible()
        for _ in range(10):
            box = points.last.bounding_box()
            if box is None:
                continue
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            try:
                self.page.mouse.move(x - 20, y - 20)
                self.page.mouse.move(x, y, steps=5)
                self.page.locator(HOVER_LABEL).first.wait_for(timeout=5_000)
                self.page.mouse.click(x, y)
                self.page.wait_for_url(re.compile("trials="), timeout=TIMEOUT_MS / 2)
            except NothingHappened:
                continue
            return self.query["trials"]
        raise AssertionError("no click on the front selected anything")

    def download(self, name: str, folder: Path) -> Path:
        with self.page.expect_download() as download:
            self.press(name)
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path
