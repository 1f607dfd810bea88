"""A whole Archfront, a real browser, and pages whose console must stay clean."""

from collections.abc import Callable, Generator, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.e2e.dashboard import TIMEOUT_MS, Dashboard
from tests.running import ROOT, Up
from tests.services import free_port

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
]
PICTURES = ROOT / "test-results"
HAS_FAILED = pytest.StashKey[bool]()
VIEW = {"width": 1400, "height": 900}


@pytest.fixture(scope="module")
def site(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running Archfront with a living worker; tests share it and clean up their searches."""
    assert chromium, "without a browser there is no need to start anything"
    up = Up(tmp_path_factory.mktemp("site") / "data", free_port())
    try:
        up.serve()
        up.until(up.has_worker)
        yield up
    finally:
        up.close()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGS)
        yield launched
        launched.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know whether the test failed."""
    report = yield
    if report.failed:
        item.stash[HAS_FAILED] = True
    return report


@pytest.fixture
def new_context(
    browser: Browser, request: pytest.FixtureRequest
) -> Iterator[Callable[..., BrowserContext]]:
    """Open browsers that share nothing, as if on different machines; failures leave a picture."""
    contexts: list[BrowserContext] = []

    def open_one(**options: object) -> BrowserContext:
        contexts.append(browser.new_context(viewport=VIEW, **options))  # type: ignore[arg-type]
        contexts[-1].set_default_timeout(TIMEOUT_MS)
        return contexts[-1]

    yield open_one
    pages = [page for context in contexts for page in context.pages]
    for number, page in enumerate(pages if request.node.stash.get(HAS_FAILED, False) else []):
        page.screenshot(path=PICTURES / f"{request.node.name}-{number}.png")
    for context in contexts:
        context.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the consoles of watched pages said that they should not."""
    return []


@pytest.fixture
def dashboard(
    site: Up, new_context: Callable[..., BrowserContext], complaints: list[str]
) -> Iterator[Callable[..., Dashboard]]:
    """Open the dashboard in a browser of its own; anything its console complains of fails."""

    def open_one(**options: object) -> Dashboard:
        page = new_context(**options).new_page()
        watch(page, complaints)
        return Dashboard(page, site.address)

    yield open_one
    assert complaints == []


def watch(page: Page, complaints: list[str]) -> None:
    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{page.url}: {message.text}")

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
