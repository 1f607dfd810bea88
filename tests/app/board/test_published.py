"""The published figures come out of the board's own path: real files, imported, joined, asked."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.api import create_api
from app.cli import cli
from tests.app.asking import Client

SHARED = Path(__file__).parents[4] / "shared" / "data"
pytestmark = pytest.mark.skipif(
    not SHARED.exists(), reason="the published scores of ../shared/data are not here"
)
PROXIES = ("nwot", "synflow", "snip", "zen", "epsinas")
FIGURES = {
    "cifar10_nwot": 0.785,
    "cifar10_synflow": 0.779,
    "cifar10_snip": 0.639,
    "cifar10_epsinas": 0.869,
    "params": 0.752,
}


def run(*words):
    found = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


@pytest.fixture
def imported(sqlite_url):
    """Both files, as a person imports them."""
    space = ("--space", "nasbench201")
    run("import", "table", SHARED / "nb201.csv.gz", "--name", "nb201", *space, "--arch-column",
        "arch_str", "--value", "cifar10_test:%", "--value", "params::minimize")  # fmt: skip
    values = [f"--value=cifar10_{name}" for name in PROXIES]
    partial = [f"--undefined=cifar10_{name}" for name in ("nwot", "epsinas")]
    run("import", "table", SHARED / "nb201_proxies.csv.gz", "--name", "proxies", *space,
        "--arch-column", "index", *values, *partial)  # fmt: skip


def ask(**query):
    sources = ["benchmark:nb201", "benchmark:proxies"]
    client = Client(create_api())
    params = {"from": sources, "truth": "cifar10_test", "resamples": 0, **query}
    found = client.get("/board", params=params)
    assert found.status_code == 200, found.text
    return {row["score"]: row for row in found.json()["rows"]}


def test_published_figures_come_out(imported):
    rows = ask()

    found = {name: rows[name]["all"]["spearman"]["value"] for name in FIGURES}
    assert found == pytest.approx(FIGURES, abs=1e-3)
    assert rows["cifar10_epsinas"]["coverage"] == {
        "ok": 9226, "undefined": 6399, "failed": 0, "missing": 0,
    }  # fmt: skip
    assert rows["cifar10_nwot"]["coverage"]["undefined"] == 201
    assert rows["random"]["all"]["spearman"]["value"] == 0
    assert ".842 to .907" in rows["cifar10_epsinas"]["column"]["remark"]


def test_epsinas_says_nothing_when_undefined_ranks_last(imported):
    rows = ask(undefined="rank_last", scores=["cifar10_epsinas"])

    assert rows["cifar10_epsinas"]["all"]["spearman"]["value"] == pytest.approx(0.005, abs=1e-3)
    assert rows["cifar10_epsinas"]["all"]["num_archs"] == 15625


def test_baselines_stay_when_scores_are_named(imported):
    rows = ask(scores=["cifar10_snip"])

    assert set(rows) == {"cifar10_snip", "params", "macs", "random"}
    assert rows["params"]["all"]["spearman"]["value"] == pytest.approx(0.752, abs=1e-3)


def test_the_command_line_prints_the_same_figures(imported):
    sources = ("--from", "benchmark:nb201", "--from", "benchmark:proxies")

    printed = run("board", *sources, "--truth", "cifar10_test", "--resamples", "0")

    found = {line.split()[0]: line.split()[2] for line in printed.splitlines() if "0." in line}
    assert {name: float(found[name]) for name in FIGURES if name != "params"} == pytest.approx(
        {name: value for name, value in FIGURES.items() if name != "params"}, abs=1e-3
    )
    assert "params*" in found
    assert "macs: Nothing here has it" in printed
    assert ".842 to .907" in printed
