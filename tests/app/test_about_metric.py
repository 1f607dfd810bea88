"""What a measure declares is shown where it is chosen."""

import pytest

from app import about_metric
from search.catalogue import Catalogue, Plugin, TableColumn, TableInfo
from search.traits import Traits
from tests.app.conftest import words


def about(option="guess", kind="proxy", **traits):
    declared = Traits(**traits).as_json()
    plugin = Plugin(kind=kind, name="guess", summary="A guess.", traits=declared)
    table = TableInfo(
        name="nb", space="s", columns=(TableColumn(name="acc"),), num_archs=7, digest=""
    )
    catalogue = Catalogue(plugins=(plugin,), tables=(table,))
    return "\n".join(about_metric.lines(option, catalogue)).replace("\\", "")


def test_everything_declared_is_told():
    told = about(
        passes="1 forward",
        batch_norm="off",
        dtype="float64",
        fails_on="deep networks",
        source="some paper",
        needs_labels=True,
        direction="minimize",
        unit="nats",
    )

    for part in ("1 forward", "left out", "float64", "deep networks", "some paper", "lower"):
        assert part in told
    assert "Data: a batch with its labels" in told
    assert "Unit: nats" in told


@pytest.mark.parametrize("evidence", ["reconstruction", "memory"])
def test_what_is_not_sure_is_labelled(evidence):
    assert f":orange-badge[{evidence}]" in about(evidence=evidence)


@pytest.mark.parametrize(
    ("traits", "data"),
    [
        ({"depends_on": ("network",)}, "none"),
        ({"depends_on": ("network", "data")}, "a batch without labels"),
        ({"depends_on": ("dataset",), "needs_data": "text"}, "the whole data set with its labels"),
        ({"needs_data": "text"}, "text only"),
    ],
)
def test_needs_of_data_are_told(traits, data):
    assert f"Data: {data}" in about(**traits) or data in about(**traits)


def test_a_benchmark_says_that_nothing_is_measured():
    assert "7 architectures of s" in about("table: nb / acc")


def test_a_measure_that_nobody_offers_says_so():
    assert "No living worker" in about("other")


def test_the_form_has_it_for_every_objective(with_worker, open_page):
    page = open_page("new")

    assert "What nwot says" in words(page).replace("\\", "")
    assert "What macs says" in words(page).replace("\\", "")


def test_a_search_leads_to_its_board(ids, open_page):
    page = open_page("search", id=ids["succeeded"])

    page.button(key="board").click().run()

    assert page.query_params["from"] == f"search:{ids['succeeded']}"
    assert not page.exception
