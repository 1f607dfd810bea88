import json

import numpy as np
import plotly.io
import pytest

from app import charts, front
from app.charts import Contribution, Limit
from app.measures import Measure
from tests.app.points import X, Y, Z, cloud, columns_of


def shown(num=900, **settings):
    columns = cloud(num)
    return front.picture(columns, front.front(columns, X, Y), **settings)


def sent(figure):
    return plotly.io.to_json(figure, validate=False)


def trace(figure, name):
    return next(t for t in json.loads(sent(figure))["data"] if t.get("name", "").startswith(name))


@pytest.fixture(scope="module")
def million():
    return cloud(1_000_000)


def test_a_million_points_take_less_than_two_megabytes(million):
    picture = front.picture(million, front.front(million, X, Y), colour=Z)

    assert len(sent(charts.front_chart(picture))) < 2_000_000


def test_a_million_points_send_no_more_than_ten_thousand(million):
    picture = front.picture(million, front.front(million, X, Y))

    few = len(sent(charts.front_chart(shown(10_000))))

    assert len(sent(charts.front_chart(picture))) < 1.2 * few


def test_a_million_points_have_a_small_hypervolume_chart(million):
    reference = front.reference_point(million, (X, Y))
    curve = front.hypervolume_curve(million, (X, Y), reference)

    assert len(sent(charts.hypervolume_chart(curve))) < 100_000


def test_coordinates_are_sent_in_binary():
    points = trace(charts.front_chart(shown()), "dominated")

    assert points["x"]["dtype"] == "f4"
    assert "bdata" in points["x"]


def test_the_whole_front_is_always_there():
    picture = shown(50_000)

    points = trace(charts.front_chart(picture), "front (")

    assert points["customdata"]["dtype"] == "i4"
    assert points["name"] == f"front ({len(picture.front)})"


@pytest.mark.parametrize(("direction", "shape"), [("minimize", "hv"), ("maximize", "vh")])
def test_the_front_is_a_step_line_on_the_worse_side(direction, shape):
    columns = cloud(300)
    across = Measure(0, "macs", "macs", direction)

    picture = front.picture(columns, front.front(columns, across, Y))

    assert trace(charts.front_chart(picture), "front line")["line"]["shape"] == shape


def test_the_knee_is_marked():
    assert trace(charts.front_chart(shown()), "knee")["marker"]["symbol"] == "diamond-open"


def test_selected_points_are_ringed_and_told_to_plotly():
    columns = cloud(900)
    found = front.front(columns, X, Y)
    chosen = front.points_of(columns, found, [int(found.rows_K[2])])

    figure = charts.front_chart(front.picture(columns, found), chosen)

    assert trace(figure, "front (")["selectedpoints"] == [2]
    assert trace(figure, "selected")["marker"]["symbol"] == "circle-open"


def test_arrows_point_to_the_better_end():
    layout = json.loads(sent(charts.front_chart(shown())))["layout"]

    assert layout["xaxis"]["title"]["text"].startswith("&#8592; better")
    assert layout["yaxis"]["title"]["text"].endswith("better &#8594;")


def test_a_click_reaches_a_point_because_dragging_pans():
    layout = json.loads(sent(charts.front_chart(shown())))["layout"]

    assert layout["dragmode"] == "pan"
    assert layout["clickmode"] == "event+select"


def test_scores_from_memory_are_hollow():
    columns = cloud(50)
    columns.from_memory[3] = True

    figure = charts.front_chart(front.picture(columns, front.front(columns, X, Y)))

    symbols = [t["marker"]["symbol"] for t in json.loads(sent(figure))["data"] if "marker" in t]
    assert any(isinstance(s, list) and charts.HOLLOW in s for s in symbols)


def test_a_box_is_the_range_of_the_axes():
    picture = shown(box=(1e7, 2e7, 900.0, 1000.0))

    layout = json.loads(sent(charts.front_chart(picture)))["layout"]

    assert layout["xaxis"]["range"] == [1e7, 2e7]


def test_a_box_on_a_logarithmic_axis_is_given_in_powers():
    picture = shown(box=(1e7, 1e8, 900.0, 1000.0), logarithmic=frozenset("x"))

    layout = json.loads(sent(charts.front_chart(picture)))["layout"]

    assert layout["xaxis"]["range"] == [7, 8]


def test_limits_are_lines():
    figure = charts.front_chart(shown(), None, [Limit(X, 2e7), Limit(Y, 950.0), Limit(Z, 1.0)])

    assert len(json.loads(sent(figure))["layout"]["shapes"]) == 2


def test_markup_in_a_unit_is_escaped():
    odd = Measure(0, "macs", "macs", "minimize", "<b>x</b>")
    columns = cloud(10)

    figure = charts.front_chart(front.picture(columns, front.front(columns, odd, Y)))

    assert "<b>" not in sent(figure).replace("\\u003c", "<")


def test_a_colour_leaves_out_what_is_extreme():
    columns = cloud(1000)
    columns.values[5, 2] = 1e9

    picture = front.picture(columns, front.front(columns, X, Y), colour=Z)

    axis = json.loads(sent(charts.front_chart(picture)))["layout"]["coloraxis"]
    assert axis["cmax"] < 1e3


def test_the_front_is_told_in_words():
    picture = shown()

    text = charts.front_alt(picture)

    assert f"{len(picture.front)} on the front" in text
    assert "lower is better" in text
    assert f"knee at trial {picture.knee}" in text


def test_an_empty_search_has_a_chart_too():
    columns = columns_of(np.empty((0, 2)))

    figure = charts.front_chart(front.picture(columns, front.front(columns, X, Y)))

    assert json.loads(sent(figure))["data"] == []


def test_names_of_searches_are_escaped_on_the_team_front():
    part = Contribution("<i>x</i>", True, np.array([1.0]), np.array([2.0]), ["a" * 20])

    figure = charts.team_chart([part], X, Y)

    assert trace(figure, "last 7 days")["text"] == ["&lt;i&gt;x&lt;/i&gt;"]


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([0.031, 0.2], ",~r"),
        ([1150.0], ",~r"),
        ([2e7, np.nan], "~s"),
        ([2e-7], "~g"),
        ([], "~s"),
        ([9e14], "~s"),
        ([1.5e32, 3.0], "~e"),
    ],
)
def test_numbers_have_a_prefix_where_it_can_be_read(values, written):
    assert charts.number_format(values, prefix_from=1e4) == written


def test_a_score_below_one_is_read_as_it_is():
    columns = cloud(40)
    columns.values[:, 1] /= 1e5

    figure = charts.front_chart(front.picture(columns, front.front(columns, X, Y)))

    assert "nwot %{y:,.4~r}" in trace(figure, "front (")["hovertemplate"]
    layout = json.loads(sent(figure))["layout"]
    assert layout["yaxis"]["tickformat"] == ",~r"
    assert layout["xaxis"]["tickformat"] == "~s"


def test_a_single_point_stands_on_axes_with_several_numbers():
    columns = columns_of(np.array([[2e7, 0.0]]))

    layout = json.loads(
        sent(charts.front_chart(front.picture(columns, front.front(columns, X, Y))))
    )["layout"]

    assert layout["xaxis"]["range"] == [1.8e7, 2.2e7]
    assert layout["yaxis"]["range"] == [-1, 1]
