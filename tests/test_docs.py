"""The docs cannot lie: whatever a person can name is in them, examples run, links resolve."""

import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from app.cli import cli
from search.aggregates import aggregates
from search.costs import costs
from search.datasets import datasets
from search.proxies import proxies
from search.spaces import spaces
from search.spec import load_submission
from search.strategies import strategies

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], key=lambda page: page.as_posix()
)
REGISTRIES = {
    "spaces": spaces,
    "proxies": proxies,
    "costs": costs,
    "aggregates": aggregates,
    "strategies": strategies,
    "datasets": datasets,
}
PLUGINS = [f"{kind}/{name}" for kind, registry in REGISTRIES.items() for name in registry]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
FLOORS = ("app", "workers", "db", "search")
VARIABLE = re.compile(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"|getenv\(\"([A-Z_]+)\"")


def commands() -> list[str]:
    """Every command as it is typed, without options."""
    return list(_below(typer.main.get_command(cli), "archfront"))


def _below(command: Any, path: str) -> Iterator[str]:
    parts = getattr(command, "commands", None)
    if parts is None:
        yield path
        return
    for name, part in parts.items():
        yield from _below(part, f"{path} {name}")


def variables() -> set[str]:
    """Every environment variable that the code reads."""
    texts = [path.read_text() for floor in FLOORS for path in (ROOT / floor).rglob("*.py")]
    return {first or second for text in texts for first, second in VARIABLE.findall(text)}


def make_targets() -> list[str]:
    return re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    headings = HEADING.findall(page.read_text())
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def links() -> list[tuple[Path, str]]:
    found = [
        (page, first or second)
        for page in PAGES
        for first, second in LINK.findall(page.read_text())
    ]
    return [(page, link) for page, link in found if not link.startswith("http")]


def test_the_reference_is_what_the_plug_ins_declare():
    made = runpy.run_path(str(ROOT / "docs/reference/make.py"))["render"]()

    assert (ROOT / "docs/reference/plugins.md").read_text() == made, (
        "run: python docs/reference/make.py"
    )


@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_plug_in_is_in_the_reference(plugin):
    name = plugin.partition("/")[2]

    assert f"\n### {name}\n" in (ROOT / "docs/reference/plugins.md").read_text()


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_docs(command):
    assert f"`{command}" in (ROOT / "docs/commands.md").read_text()


def test_every_environment_variable_is_in_the_table():
    table = set(
        re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE)
    )

    assert table == variables()


@pytest.mark.parametrize("target", [t for t in make_targets() if t != "help"])
def test_every_make_target_is_in_the_docs(target):
    assert any(f"make {target}" in page.read_text() for page in PAGES)


def test_make_alone_prints_every_target():
    done = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    printed = {line.split()[1] for line in done.stdout.splitlines()}
    assert printed == set(make_targets())


@pytest.mark.parametrize(
    ("page", "link"), links(), ids=lambda value: getattr(value, "name", str(value))
)
def test_links_lead_somewhere(page, link):
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page

    assert target.exists()
    assert not anchor or anchor in anchors(target)


@pytest.mark.parametrize("page", ["README.md", "docs/commands.md", "docs/export.md"])
def test_specs_in_the_docs_are_specs(page):
    submissions = [load_submission(block) for block in blocks(page, "yaml")]

    assert len(submissions) == 1


@pytest.mark.slow
def test_the_proxy_of_the_how_to_passes_the_contract_tests(tmp_path):
    for part in (*FLOORS, "tests"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (code,) = blocks("docs/howto/add_a_proxy.md", "python")
    (tmp_path / "search/proxies/relative_gradient.py").write_text(code)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/search/proxies", "-k", "relative_gradient"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert re.search(r"[1-9]\d* passed", done.stdout)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_place_of_one_machine(page):
    assert not re.search(r"(?<![\w.])/(work|tmp|root|home)/", page.read_text())
