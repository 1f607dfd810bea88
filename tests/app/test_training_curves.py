"""Series and logs of a training: what is drawn together, and that much of it stays small."""

import numpy as np
import pytest

from app import training_curves
from app.charts import training as charts


def series(num, start=1.0):
    return [(step, start / (step + 1)) for step in range(num)]


def test_roles_share_a_panel_and_the_usual_ones_come_first():
    found = training_curves.panels(
        {
            "branch alpha_minus": series(3),
            "my own": series(3),
            "loss min": series(3),
            "accuracy largest": series(2),
            "loss max": series(3),
        }
    )

    assert [panel.key for panel in found] == ["loss", "accuracy", "branch", "my own"]
    assert [line.name for line in found[0].lines] == ["min", "max"]
    assert found[1].unit == "%"


def test_a_long_series_keeps_its_ends_and_becomes_short():
    (panel,) = training_curves.panels({"learning rate": series(50_000)})

    (line,) = panel.lines
    assert len(line.steps_K) <= training_curves.MAX_POINTS
    assert (line.steps_K[0], line.steps_K[-1]) == (0, 49_999)


def test_what_is_not_finite_is_a_gap():
    (panel,) = training_curves.panels({"gradient norm": [(1, 2.0), (2, None)]})

    assert np.isnan(panel.lines[0].values_K[1])
    assert "now 2" in charts.panel_alt(panel)


def test_a_role_looks_the_same_in_every_panel_and_differs_by_dash():
    loss, accuracy = training_curves.panels(
        {
            "loss min": series(9),
            "loss max": series(9),
            "accuracy smallest": series(9),
        }
    )
    lowest, highest = charts.panel_chart(loss).data

    assert lowest.line.color == charts.panel_chart(accuracy).data[0].line.color
    assert lowest.line.dash != highest.line.dash
    assert lowest.marker.symbol != highest.marker.symbol


def test_the_distribution_of_panda_is_a_heat_map():
    log = [
        (10, {"probabilities": {"conv": 0.5, "skip": 0.5}}),
        (20, {"probabilities": {"conv": 0.75, "skip": 0.25}}),
    ]

    found = training_curves.method_log(log)

    (heat,) = found.heats
    assert (heat.title, heat.names) == ("Probability of each operation", ("conv", "skip"))
    assert heat.values_NS.tolist() == [[0.5, 0.75], [0.5, 0.25]]
    assert charts.heat_chart(heat).data[0].y == ("conv  0.7500", "skip  0.2500")
    assert "conv has most" in charts.heat_alt(heat)


@pytest.mark.parametrize(
    ("key", "values", "low_to_high"),
    [
        ("probabilities", [0.249, 0.25, 0.25, 0.251], (0, 0.5)),
        ("probabilities", [0.7, 0.1, 0.1, 0.1], (0, 0.7)),
        ("counts", [7, 8], (0, 8)),
        ("counts", [0, 0], (0, 1)),
        ("distances", [-0.5, 0.25], (-0.5, 0.25)),
    ],
)
def test_colours_of_shares_do_not_stretch_a_small_difference(key, values, low_to_high):
    parts = {str(place): value for place, value in enumerate(values)}

    (heat,) = training_curves.method_log([(10, {key: parts})]).heats
    (drawn,) = charts.heat_chart(heat).data

    assert (drawn.zmin, drawn.zmax) == pytest.approx(low_to_high)


def test_the_colours_of_a_distribution_say_what_is_uniform():
    told = {"probabilities": {"conv": 0.75, "skip": 0.25}, "counts": {"conv": 7, "skip": 8}}

    shares, counts = training_curves.method_log([(10, told)]).heats

    assert charts.heat_chart(shares).data[0].colorbar.ticktext == ("0", "0.5000 uniform", "1")
    assert "0.5000 is uniform" in charts.heat_alt(shares)
    assert charts.heat_chart(counts).data[0].colorbar.ticktext is None
    assert "uniform" not in charts.heat_alt(counts)


def test_the_shares_of_shiftnas_are_named_by_cost_and_labelled_a_reconstruction():
    log = {
        "is_reconstruction": True,
        "targets": [0.25, 1.0],
        "shares": [0.4, 0.6],
        "arch": [0, 1, 1],
    }

    found = training_curves.method_log([(5, log)])

    assert found.is_reconstruction
    assert [heat.names for heat in found.heats] == [("cost 0.25", "cost 1.00")]


def test_a_few_values_that_are_no_distribution_are_lines_with_words_about_them():
    picks = {f"cost {n}": 50.0 + n for n in range(6)}

    found = training_curves.method_log([(5, {"accuracy_of_picks": picks})])

    (panel,) = found.panels
    assert [line.name for line in panel.lines] == list(picks)
    assert "held-out images" in panel.about


def test_more_values_than_can_be_told_apart_are_rows():
    picks = {f"cost {n}": 50.0 + n for n in range(7)}

    found = training_curves.method_log([(5, {"accuracy_of_picks": picks})])

    assert (len(found.heats), found.panels) == (1, ())


def test_the_gap_between_largest_and_smallest_is_told_where_both_were_looked_at():
    found = training_curves.panels(
        {
            "accuracy largest": [(10, 80.0), (20, 90.0)],
            "accuracy smallest": [(10, 60.0), (30, 70.0)],
        }
    )

    (line,) = found[1].lines
    assert (found[1].key, line.steps_K.tolist(), line.values_K.tolist()) == ("gap", [10], [20])


def test_where_subnets_join_late_the_accuracies_have_a_mark():
    metrics = {
        "loss max": series(30),
        "loss min": [(20, 1.0), (21, 1.0)],
        "accuracy largest": series(3),
        "learning rate": series(30),
    }

    loss, accuracy, rate = training_curves.panels(metrics)

    assert loss.marks == accuracy.marks == ((20, "subnets join"),)
    assert rate.marks == ()
    figure = charts.panel_chart(accuracy)
    assert [shape.x0 for shape in figure.layout.shapes] == [20]
    assert [trace.name for trace in figure.data] == ["largest", "subnets join"]
    assert "From step 20 on: subnets join." in charts.panel_alt(accuracy)


def test_roles_that_begin_together_have_no_mark():
    found = training_curves.panels({"loss max": series(9), "loss min": series(9)})

    assert found[0].marks == ()


def test_single_numbers_of_a_log_are_lines():
    found = training_curves.method_log([(2, {"epsilon": 0.5}), (1, {"epsilon": 0.0})])

    assert not found.heats
    assert found.panels[0].lines[0].values_K.tolist() == [0.0, 0.5]


def test_a_long_log_becomes_few_columns():
    log = [(step, {"shares": {"a": 0.5, "b": 0.5}}) for step in range(5_000)]

    (heat,) = training_curves.method_log(log).heats

    assert heat.values_NS.shape == (2, training_curves.MAX_COLUMNS)


@pytest.mark.parametrize("content", [{}, {"words": "none"}, {"list": ["a"]}, {"one": [1.0]}])
def test_what_is_no_number_is_no_series(content):
    found = training_curves.method_log([(1, content)])

    assert (found.heats, found.panels) == ((), ())


def test_names_are_never_markup():
    (panel,) = training_curves.panels({"<b>own</b>": series(3)})

    assert "<b>" not in str(charts.panel_chart(panel).data[0].name)


@pytest.mark.parametrize(("num", "drawn"), [(1, 1), (39, 39), (41, 40), (419, 400), (420, 420)])
def test_a_live_chart_changes_with_every_twentieth(num, drawn):
    (panel,) = training_curves.panels({"learning rate": series(num)}, in_strides=True)

    assert len(panel.lines[0].steps_K) == drawn


def test_the_last_values_are_those_that_are_finite():
    metrics = {"loss max": [(1, 2.0), (2, None)], "speed": [(3, 7.0)], "none": [(1, None)]}

    assert training_curves.last_values(metrics) == (3, {"loss max": 2.0, "speed": 7.0})


def test_a_role_that_is_alone_is_named_all_the_same():
    (panel,) = training_curves.panels({"accuracy sampled": series(3)})

    assert charts.panel_chart(panel).layout.showlegend


@pytest.mark.parametrize(("steps", "ticks"), [((121,), (121,)), ((60, 121), None)])
def test_a_single_step_is_not_told_several_times_below_a_chart(steps, ticks):
    (panel,) = training_curves.panels({"accuracy sampled": [(step, 50.0) for step in steps]})

    assert charts.panel_chart(panel).layout.xaxis.tickvals == ticks
