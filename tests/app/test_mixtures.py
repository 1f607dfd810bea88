"""Aggregates on the page of a search: columns, axes, and what would enter the front."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from app import cached, front, mixtures
from app.measures import Measure, measures_of
from app.views import _search_tabs, _search_what_if
from db import jobs
from db.columns import NO_SCORE
from db.session import reading, transaction
from tests.app import filling
from tests.app.conftest import words
from tests.app.points import X, Y, Z, columns_of

PROXIES = ("nwot", "synflow")


@pytest.fixture
def sweep(with_worker):
    """A search of two proxies and a cost."""
    with transaction() as session:
        return filling.add_finished(session, "two proxies", 200, objectives=(*PROXIES, "macs"))


def measures(job_id):
    with reading() as session:
        return measures_of(jobs.job(session, job_id).spec, cached.offered())


def wide(job_id, *names, **weights):
    of_job = measures(job_id)
    mixed = mixtures.mixtures(of_job, names, weights)
    return cached.columns(job_id, cached.version_of(job_id), mixed), mixed


def test_costs_are_no_part_of_an_aggregate(sweep):
    _, (rank_sum,) = wide(sweep, "rank_sum")

    assert [part.component for part in rank_sum.parts] == list(PROXIES)


def test_an_aggregate_is_one_more_column(sweep):
    columns, (rank_sum,) = wide(sweep, "rank_sum")

    assert columns.values.shape == (200, 4)
    assert columns.objectives[rank_sum.place] == "rank_sum"
    known = np.isfinite(columns.values[:, rank_sum.place])
    assert mixtures.num_archs(columns, rank_sum) == len(np.unique(columns.arch_ids[known]))


def test_an_architecture_that_recurs_counts_once(sweep):
    columns, (rank_sum,) = wide(sweep, "rank_sum")

    _, first, places = np.unique(columns.arch_ids, return_index=True, return_inverse=True)
    values = columns.values[:, rank_sum.place]
    np.testing.assert_array_equal(values, values[first][places])
    assert np.nanmax(values) <= 2 * len(first)


def test_weights_change_the_order(sweep):
    for_nwot, (one,) = wide(sweep, "weighted", synflow=0.0)
    for_synflow, _ = wide(sweep, "weighted", nwot=0.0)

    best = np.nanargmax(for_nwot.values[:, one.place])
    nwot = np.where(for_nwot.statuses[:, 0] == 0, for_nwot.values[:, 0], -np.inf)
    assert nwot[best] == nwot.max()
    assert not np.array_equal(for_nwot.values, for_synflow.values, equal_nan=True)


def test_what_cannot_be_made_is_left_out(sweep):
    assert mixtures.mixtures(measures(sweep), ["az_nas", "nonsense"]) == ()


def test_one_proxy_makes_no_aggregate():
    assert mixtures.available([Measure(0, "nwot", "nwot", "maximize", kind="proxy")]) == ()


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("nwot:2,synflow:0.5", {"nwot": 2, "synflow": 0.5}),
        ("nwot:x,nwot:-1,:3,synflow:nan", {}),
        ("", {}),
    ],
)
def test_an_address_spells_weights(text, weights):
    assert mixtures.read_weights(text) == weights
    assert mixtures.weights_text(weights) == ("nwot:2,synflow:0.5" if weights else "")


def test_an_aggregate_can_be_an_axis(sweep, open_page):
    page = open_page("search", id=sweep, mix="rank_sum", y="rank_sum")

    assert not page.exception
    assert page.selectbox(key="y").value == "rank_sum"
    assert "of nwot, synflow, over" in words(page).replace("\\", "")


def test_an_aggregate_is_told_of_a_selected_trial(sweep, open_page):
    page = open_page("search", id=sweep, mix="rank_sum", trials="3")

    assert any("rank" in m.value and "| measure |" in m.value for m in page.markdown)
    assert "| rank\\_sum |" in words(page)


def test_an_aggregate_is_a_column_of_the_trials(sweep, open_page):
    page = open_page("search", id=sweep, mix="rank_sum")

    assert "rank_sum" in page.dataframe[0].value.columns


def test_sliders_say_who_would_enter_the_front(sweep, open_page):
    page = open_page("search", id=sweep, tab="what if")

    page.slider(key="weight_nwot").set_value(0.0).run()

    assert page.query_params["weights"] == "nwot:0"
    assert "would enter the front" in words(page)
    assert not page.exception


def test_all_weights_at_zero_are_refused(sweep, open_page):
    page = open_page("search", id=sweep, tab="what if", weights="nwot:0,synflow:0")

    assert "weight above 0" in words(page)


def test_newcomers_can_be_selected(sweep, open_page):
    page = open_page("search", id=sweep, tab="what if", weights="nwot:0")

    page.button(key="select_newcomers").click().run()

    assert page.query_params["trials"]
    assert not page.exception


def test_a_search_of_one_proxy_learns_what_an_aggregate_needs(ids, open_page):
    page = open_page("search", id=ids["succeeded"], tab="what if")

    assert "at least two" in words(page)


def test_an_architecture_counts_by_its_trial_in_full():
    of_two = tuple(Measure(n, name, name, "maximize") for n, name in enumerate(PROXIES))
    columns = columns_of(np.array([[1.0, np.nan], [2.0, 5.0], [1.0, 7.0]]))
    columns.statuses[0, 1] = NO_SCORE  # it was screened by the first proxy
    columns.arch_ids[:] = [b"a", b"b", b"a"]

    wide = mixtures.widened(columns, mixtures.mixtures(of_two, ["rank_sum"]))

    assert wide.values[:, 2].tolist() == [3, 3, 3]


def test_an_architecture_that_enters_twice_is_counted_once():
    columns = columns_of(np.array([[1.0, 1.0, 2.0], [1.0, 1.0, 2.0], [1.0, 2.0, 1.0]]))
    columns.arch_ids[:] = [b"a", b"a", b"b"]
    now = front.front(columns, X, Y)
    then = front.front(columns, X, replace(Z, direction="maximize"))

    entering, leaving = _search_what_if._changes(columns, now, then)

    assert (entering.tolist(), leaving.tolist()) == ([0], [2])


def test_a_trial_that_is_newer_than_the_columns_has_no_aggregate_yet():
    lines = [SimpleNamespace(number=number) for number in (1, 700)]

    cells = _search_tabs._mixed_cells(lines, Z, columns_of(np.full((3, 3), 5.0)))

    assert cells == ["5", "-"]
