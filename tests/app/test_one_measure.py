"""A search with one objective: its trials over time, and the one that is selected beside them."""

import base64
import json

import numpy as np
import plotly.io
import pytest

from app import charts, front
from db.session import transaction
from tests.app import filling
from tests.app.conftest import words
from tests.app.points import X, columns_of


@pytest.fixture
def job(with_worker):
    with transaction() as session:
        return filling.add_finished(session, "only latency", 50, objectives=("latency_ms",))


def drawn(chosen=None):
    columns = columns_of(np.array([[3.0], [1.0], [2.0]]))
    figure = charts.best_chart(front.best_so_far(columns, X), X, chosen)
    return json.loads(plotly.io.to_json(figure, validate=False, engine="json"))


def traces(chosen=None):
    return {trace["name"]: trace for trace in drawn(chosen)["data"]}


def values(array):
    return np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"]).tolist()


def test_the_line_of_the_best_goes_on_to_the_last_trial():
    line = traces()["best line"]

    assert values(line["x"]) == [0, 1, 2]
    assert values(line["y"]) == [3, 1, 1]


@pytest.mark.parametrize("name", ["trials", "best so far"])
def test_points_know_their_trials(name):
    assert "customdata" in traces()[name]


def test_what_is_selected_has_a_ring():
    assert traces({2: 2.0})["selected"]["x"] == [2]
    assert "selected" not in traces()


def test_the_best_can_be_selected(job, open_page):
    page = open_page("search", id=job)

    next(b for b in page.button if b.label.startswith("Select the best")).click().run()

    assert not page.exception
    assert f"**Trial {''.join(page.query_params['trials'])}**" in words(page)


def test_a_selected_trial_is_drawn_without_a_knee_to_compare_with(job, open_page):
    page = open_page("search", id=job, trials="3")

    assert len(page.get("graphviz_chart")) == 1
    assert "vs knee" not in words(page)


def test_axes_that_cannot_be_chosen_are_not_offered(job, open_page):
    page = open_page("search", id=job)

    assert not {"x", "y", "colour"} & {box.key for box in page.selectbox}


def test_a_scale_without_a_front_cannot_be_chosen(ids, open_page):
    page = open_page("search", id=ids["succeeded"], x="nwot", y="nwot")

    assert page.selectbox(key="colour").disabled
    assert not page.exception
