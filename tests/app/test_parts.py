"""Small parts of pages, each on its own."""

from itertools import pairwise

import pytest
from sqlalchemy.exc import OperationalError

from app import drawings, estimates, presets, team, trouble
from app.measures import Measure, default_axes, measures_of
from app.views import new
from app.views.arch import share_beaten
from db import jobs
from db.errors import StorageFull
from db.session import reading
from db.trials import Standing
from search.catalogue import Catalogue
from search.errors import SpecError
from search.spaces import Drawing, Edge, Node, spaces
from search.spec import parse_submission
from tests.app import filling
from tests.app.points import X, Y


@pytest.mark.parametrize(
    ("space", "is_chain"), [("elastic_tiny", True), ("mobile", True), ("nasbench201", False)]
)
def test_layers_that_follow_each_other_are_a_chain(space, is_chain):
    known = spaces[space]

    assert drawings.is_chain(known.drawing(known.at(known.size - 1))) is is_chain


@pytest.mark.parametrize("space", ["elastic_tiny", "mobile", "vit", "nasbench_macro"])
def test_a_chain_in_words_has_every_layer(space):
    known = spaces[space]
    drawing = known.drawing(known.at(known.size // 3))

    words = drawings.layers(drawing)

    assert [label for label, num in words for _ in range(num)] == [e.label for e in drawing.edges]
    assert all(first != second for (first, _), (second, _) in pairwise(words))


@pytest.mark.parametrize(
    ("space", "is_small"),
    [("nasbench201", True), ("nasbench101", True), ("mobile", False), ("darts", False)],
)
def test_few_nodes_that_are_no_chain_are_small(space, is_small):
    known = spaces[space]

    assert drawings.is_small(known.drawing(known.at(known.size - 1))) is is_small


def test_inputs_of_nodes_in_words_have_every_edge_and_tell_nodes_apart():
    cells = (Node("a 1", "1", "input"), Node("b 1", "1", "node"), Node("b out", "out", "output"))
    edges = (
        Edge("a 1", "b 1", "conv", "conv"),
        Edge("b 1", "b out", "", ""),
        Edge("a 1", "b out", "skip", "skip", is_dead=True),
    )

    told = drawings.inputs(Drawing(cells, edges))

    assert told == [("b 1", "conv of a 1"), ("out", "b 1, skip of a 1 (carries nothing)")]


def test_nodes_of_one_operation_are_told_apart_by_their_names():
    cells = (Node("x", "x", "input"), Node("n0", "sum", "node"), Node("n1", "sum", "node"))
    drawing = Drawing(cells, (Edge("x", "n0", "", ""), Edge("n0", "n1", "", "")))

    assert drawings.inputs(drawing) == [("sum (n0)", "x"), ("sum (n1)", "sum (n0)")]


def test_units_and_kinds_come_from_who_offers_them():
    spec = filling.a_spec("x", ("nwot", "macs"))

    nwot, macs = measures_of(spec, filling.offered())

    assert (nwot.kind, macs.kind, macs.title) == ("proxy", "cost", "macs (multiply-adds)")


def test_a_measure_that_nobody_offers_is_shown_all_the_same():
    nwot, _ = measures_of(filling.a_spec("x"), Catalogue())

    assert (nwot.name, nwot.unit) == ("nwot", "")


def test_a_cost_goes_across():
    measures = measures_of(filling.a_spec("x", ("nwot", "synflow", "macs")), filling.offered())

    across, upwards = default_axes(measures)

    assert (across.name, upwards.name) == ("macs", "nwot")


def test_one_measure_is_both_axes():
    measures = measures_of(filling.a_spec("x", ("nwot",)), filling.offered())

    assert default_axes(measures) == (measures[0], measures[0])


def test_the_team_front_is_dominated_by_no_search(ids):
    with reading() as session:
        found = jobs.jobs_page(session).rows
    group = team.comparables(found, filling.offered())[0]

    parts = team.contributions(group)

    points = [(x, y) for part in parts for x, y in zip(part.x_K, part.y_K, strict=True)]
    assert points
    assert not any(a <= x and b >= y and (a, b) != (x, y) for a, b in points for x, y in points)


def test_searches_on_other_data_are_not_pooled(ids):
    with reading() as session:
        found = list(jobs.jobs_page(session).rows)
    num = len(team.comparables(found, filling.offered()))
    found[-1].spec = {**found[-1].spec, "data": {"name": "cifar10"}}

    assert len(team.comparables(found, filling.offered())) == num + 1


def test_searches_that_want_opposite_things_are_not_pooled(ids):
    with reading() as session:
        found = list(jobs.jobs_page(session).rows)
    num = len(team.comparables(found, filling.offered()))
    first, *others = found[-1].spec["objectives"]
    turned = {**first, "direction": "minimize"}
    found[-1].spec = {**found[-1].spec, "objectives": [turned, *others]}

    assert len(team.comparables(found, filling.offered())) == num + 1


def test_accuracies_of_other_supernets_are_not_pooled(ids):
    inherited = Measure(0, "nwot", "nwot", "maximize", kind="supernet")
    with reading() as session:
        first, second = jobs.jobs_page(session).rows[-2:]
    first.spec = second.spec = filling.a_spec("x")
    assert team.meaning(first, inherited) == team.meaning(second, inherited)

    second.spec = {**second.spec, "supernet": {"checkpoint": "5f6c1ad2"}}

    assert team.meaning(first, inherited) != team.meaning(second, inherited)


def test_an_estimate_knows_what_was_measured(ids):
    submission = parse_submission(filling.a_spec("x", budget={"trials": 100}))

    with reading() as session:
        found = estimates.estimate(session, submission, filling.offered())

    assert found.num_evaluations == 100
    assert 0 < found.share_known < 1
    assert found.seconds == pytest.approx(100 * 2 * 0.21 * (1 - found.share_known), rel=0.1)
    assert found.num_ahead == 3


def test_looking_up_takes_no_time_though_minutes_are_allowed(with_worker):
    objectives = [
        {"name": "acc", "metric": "table", "params": {"table": "nb201", "column": "acc"}}
    ]
    budget = {"trials": 100, "minutes": 30}
    content = {**filling.a_spec("x", budget=budget), "objectives": objectives}

    with reading() as session:
        found = estimates.estimate(session, parse_submission(content), filling.offered())

    assert found.seconds == 0


@pytest.mark.parametrize(("seeds", "told"), [(1, "one worker"), (5, "one worker for each seed")])
def test_an_expected_time_is_of_one_seed(seeds, told):
    submission = parse_submission({**filling.a_spec("x"), "seeds": seeds})

    lines = new.summary_lines(submission, estimates.Estimate(10, 0.0, 60.0, 0))

    assert next(line for line in lines if "on one" in line).endswith(told)


def test_what_nobody_measured_has_no_estimate(with_worker):
    submission = parse_submission(filling.a_spec("x"))

    with reading() as session:
        assert estimates.estimate(session, submission, filling.offered()).seconds is None


def test_presets_need_what_they_are_made_of():
    assert presets.presets(Catalogue()) == {}


@pytest.mark.parametrize(
    ("measure", "standing", "share"),
    [
        (Y, Standing(99, 1, 0), 1.0),
        (X, Standing(99, 1, 0), 0.0),
        (X, Standing(0, 1, 99), 1.0),
        (X, Standing(0, 1, 0), 1.0),
        (X, Standing(0, 3, 0), 0.5),
    ],
)
def test_a_share_is_of_those_that_are_worse(measure, standing, share):
    assert share_beaten(measure, standing) == share


def test_a_drawing_has_every_edge():
    space = spaces["nasbench201"]
    drawing = space.drawing(space.at(1234))

    text = drawings.dot(drawing)

    assert text.count("->") == len(drawing.edges)
    assert all(edge.label in drawings.alt(drawing) for edge in drawing.edges)


def test_quotes_in_a_label_stay_inside_it():
    node = Node("a", 'x"]; evil [label="')
    drawing = Drawing((node,), (Edge("a", "a", "\\", "op"),))

    assert '\\"]; evil [label=\\"' in drawings.dot(drawing)


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (StorageFull("no space is left"), "No space is left."),
        (SpecError({"name": "missing"}), "name: missing"),
        (OperationalError("SELECT secret", {}, Exception("host=secret")), "did not answer"),
        (ZeroDivisionError("secret"), "a mistake in Archfront"),
    ],
)
def test_an_error_is_a_sentence_without_secrets(error, part):
    sentence, what_to_do = trouble.explained(error)

    assert part in sentence
    assert "secret" not in sentence
    assert what_to_do
