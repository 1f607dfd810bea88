"""A truth of other data is said to be one, wherever it is chosen."""

import pytest

from app import other_data
from app.commands.importing import parse_column
from app.tables import import_table
from db import jobs
from db.session import transaction
from search.catalogue import TableColumn
from search.spaces import spaces
from tests.app import filling, supernets
from tests.app.conftest import words


def benchmark(dataset):
    space = spaces[filling.SPACE]
    rows = (
        f"{space.index(space.decode(arch))},{80 + place / 10}"
        for place, arch in enumerate(supernets.probes())
    )
    return import_table(
        "\n".join(["index,test_acc", *rows]).encode(),
        name="nb",
        space=filling.SPACE,
        arch_column="index",
        columns=[TableColumn(name="test_acc", unit="%", dataset=dataset)],
    )


def said(page):
    assert not page.exception
    return words(page).replace("\\", "")


@pytest.mark.parametrize(
    ("dataset", "searches", "told"),
    [
        ("cifar10", ("cifar10",), ""),
        ("CIFAR-10", ("cifar10",), ""),
        ("cifar10", (), ""),
        ("", (), ""),
        ("cifar10", ("digits",), "t was measured on cifar10, this search looked at digits."),
        (
            "cifar10",
            ("cifar10", "digits", "text"),
            "t was measured on cifar10, this search looked at digits and text.",
        ),
        ("", ("digits",), "t: data not recorded; this search looked at digits."),
    ],
)
def test_data_that_differs_or_is_unknown_is_told(dataset, searches, told):
    assert other_data.warning("t", dataset, searches) == told


WARNINGS = pytest.mark.parametrize(
    ("dataset", "told"),
    [
        ("cifar10", "test_acc was measured on cifar10, this search looked at digits."),
        ("", "test_acc: data not recorded; this search looked at digits."),
        ("digits", ""),
    ],
)


@WARNINGS
def test_the_ranking_says_so_beside_its_truth(with_worker, open_page, dataset, told):
    benchmark(dataset)
    with transaction() as session:
        job_id = supernets.add(session)

    page = open_page("search", id=job_id, tab="ranking")

    assert "agrees with test_acc" in said(page)
    assert [one.value.replace("\\", "") for one in page.warning] == [told] * bool(told)


@WARNINGS
def test_the_board_says_so_below_its_truth(with_worker, open_page, dataset, told):
    benchmark(dataset)
    with transaction() as session:
        job_id = supernets.add(session)

    page = open_page("board")
    page.query_params["from"] = [f"search:{job_id}", "benchmark:nb"]
    page.query_params["truth"] = "nb/test_acc"
    page.run()

    assert told.replace("this search", "the searches") in said(page)
    assert ("looked at" in said(page)) is bool(told)


def test_a_search_of_look_ups_alone_looked_at_no_data(with_worker):
    benchmark("cifar10")
    objective = {
        "name": "acc",
        "metric": "table",
        "params": {"table": "nb", "column": "test_acc"},
    }
    with transaction() as session:
        spec = {**filling.a_spec("looked up"), "objectives": [objective]}
        found = jobs.job(session, filling.add_job(session, spec))

    assert other_data.looked_at([found]) == ()


def test_the_command_takes_the_data_of_a_column():
    assert parse_column("acc:%:maximize:cifar10").dataset == "cifar10"
    assert parse_column("acc:%").dataset == ""
