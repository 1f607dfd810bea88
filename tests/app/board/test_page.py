"""The board as a page, a command and a download."""

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from app.api import create_api
from app.board import as_text
from app.board.figures import Line, Row
from app.cli import cli
from app.views import _board_results
from search.correlation import Estimate
from tests.app.asking import Client
from tests.app.board.conftest import NUM, add_benchmark, board_table
from tests.app.conftest import words


def test_a_record_with_something_in_it_suggests_where_to_begin(search, open_page):
    page = open_page("board")

    assert "Choose above" in words(page)
    assert "Benchmark nb" in words(page)


def test_every_score_and_baseline_has_a_row_with_an_interval(search, benchmark, open_board):
    page = open_board(search, benchmark)

    assert not page.exception
    assert " to " in next(row for row in board_table(page).splitlines() if "**nwot**" in row)
    assert all(f"**{name}**" in board_table(page) for name in ("params", "macs", "random"))
    assert "12 undefined" in board_table(page)
    assert len(page.get("plotly_chart")) == 3


def test_the_protocol_stands_under_the_name(search, benchmark, open_board):
    page = open_board(search, benchmark)

    assert "batch 64" in board_table(page)
    assert "benchmark nb" in board_table(page)


def test_over_the_best_tenth_other_figures_come_first(search, benchmark, open_board):
    page = open_board(search, benchmark, over="top 10 %")

    assert "Kendall tau&#8209;b, top 10 %" in board_table(page)
    assert "Spearman, all" in board_table(page)


def test_the_policy_is_in_the_address(search, benchmark, open_board):
    page = open_board(search, benchmark, undefined="ranked last")

    row = next(row for row in board_table(page).splitlines() if "**nwot**" in row)
    assert f"| {NUM}<br>" in row


def test_a_choice_goes_into_the_address(search, benchmark, open_board):
    page = open_board(search, benchmark)

    page.selectbox(key="board_truth").set_value("nb/params").run()

    assert page.query_params["truth"] == "nb/params"
    assert not page.exception


def test_a_published_figure_that_depends_on_the_batch_says_so(search, benchmark, open_board):
    add_benchmark("published", cifar10_epsinas=range(NUM))

    page = open_board("benchmark:published", benchmark)

    assert "842 to" in words(page)


def test_a_name_is_never_markup(benchmark, accuracies, open_board):
    add_benchmark("wild", **{"<script>alert(1)</script> *x*": range(NUM)})

    page = open_board("benchmark:wild", benchmark)

    assert "\\<script\\>" in board_table(page)
    assert "<script>" not in board_table(page)


@pytest.mark.parametrize(
    ("source", "message"),
    [("search:99999", "no search 99999"), ("nonsense", "is no source"), ("space:x", "space x")],
)
def test_a_wrong_source_is_told_at_its_field(search, open_board, source, message):
    page = open_board(source)

    assert message in words(page)
    assert not page.exception


def test_an_address_with_an_unknown_truth_is_told(search, benchmark, open_board):
    page = open_board(search, benchmark, truth="swot")

    assert "There is no column swot" in words(page)
    assert not page.exception


def test_a_board_without_a_truth_asks_for_one(search, open_board):
    page = open_board(search)

    assert "looks like an accuracy" in words(page)


def test_a_board_without_a_truth_says_where_one_may_come_from(search, benchmark, open_board):
    page = open_board(search)

    said = words(page)
    page.button(key=f"add_benchmark_{benchmark.removeprefix('benchmark:')}").click().run()

    assert f"Train some of search {search.removeprefix('search:')} to check" in said
    assert "looks like an accuracy" not in words(page)
    assert not page.exception


def test_the_download_has_the_figures_of_the_page(search, benchmark):
    query = {"from": [search, benchmark], "resamples": 20}

    found = Client(create_api()).get("/board.csv", params=query)

    rows = {row["score"]: row for row in csv.DictReader(io.StringIO(found.text))}
    assert float(rows["nwot"]["kendall_low"]) < float(rows["nwot"]["kendall"])
    assert rows["nwot"]["undefined"] == "12"
    assert rows["random"]["is_baseline"] == "True"


def test_a_wrong_question_is_answered_by_field(search):
    client = Client(create_api())

    assert "from" in client.get("/board").json()["fields"]
    found = client.get("/board", params={"from": search})
    assert found.status_code == 422
    assert "truth" in found.json()["fields"]
    assert client.get("/board", params={"from": search, "k": 0}).status_code == 422


def test_programs_learn_what_there_is(search, benchmark):
    found = Client(create_api()).get("/board/columns", params={"from": [search, benchmark]})

    assert {one["name"] for one in found.json()["columns"]} >= {"nwot", "macs", "cifar10_test"}
    assert found.json()["truth"] == "nb/cifar10_test"


def run(*words):
    return CliRunner().invoke(cli, ["board", *words], catch_exceptions=False)


def test_the_command_says_the_same(search, benchmark):
    told = run("--from", search, "--from", benchmark, "--resamples", "20", "--json")

    rows = {row["score"]: row for row in json.loads(told.stdout)["rows"]}
    query = {"from": [search, benchmark], "resamples": 20}
    asked = Client(create_api()).get("/board", params=query).json()["rows"]
    assert rows == {row["score"]: row for row in asked}


def test_the_command_prints_a_table_and_what_there_is(search, benchmark):
    sources = ("--from", search, "--from", benchmark)

    assert "nwot" in run(*sources, "--resamples", "0").stdout
    assert "nb/cifar10_test" in run(*sources, "--columns").stdout
    assert run(*sources, "--resamples", "0", "--csv").stdout.startswith("score,key,")


def test_no_spreadsheet_runs_the_name_of_a_column():
    row = Row(Line("=1+1", None), None, "no figures")

    _, line = as_text.as_csv([row])

    assert line.startswith("'=1+1,")


def test_a_regret_is_told_in_the_units_of_its_truth():
    assert _board_results._regret(Estimate(0.004), "ms") == r"**0\.004000** ms"
    assert _board_results._regret(Estimate(7e49), "") == r"**7\.000e\+49**"
    assert _board_results._regret(Estimate(0.5), "%").startswith(r"**0\.50** ")
