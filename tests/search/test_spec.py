import pytest

from search.errors import SpecError
from search.spec import dump_submission, load_submission, parse_submission


def described(**changes):
    return {
        "name": "first",
        "space": {"name": "nasbench201"},
        "objectives": ["params", {"metric": "table", "params": {"table": "t", "column": "acc"}}],
        "strategy": {"name": "random"},
        "budget": {"trials": 10},
        **changes,
    }


def fields_of(content):
    with pytest.raises(SpecError) as caught:
        parse_submission(content)
    return caught.value.fields


def test_an_objective_is_named_after_its_metric_or_column():
    submission = parse_submission(described())

    assert [objective.name for objective in submission.objectives] == ["params", "acc"]


def test_two_objectives_of_one_name_are_refused_at_the_second():
    fields = fields_of(described(objectives=["params", "macs", "params"]))

    assert list(fields) == ["objectives.2.name"]
    assert "objectives 1 and 3" in fields["objectives.2.name"]


def test_a_constraint_that_nothing_can_meet_is_refused_at_its_field():
    wrong = {"metric": "params", "at_least": 3, "at_most": 2}

    assert list(fields_of(described(objectives=[wrong]))) == ["objectives.0.at_least"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"strategy": {"name": "random", "params": {"a": [1, float("nan")]}}}, "params.a.1"),
        ({"network": {"channels": float("inf")}}, "network.channels"),
        ({"budget": {"clock_s": float("inf")}}, "budget.clock_s"),
        ({"budget": {"trials": 1, "trial_timeout_s": float("inf")}}, "budget.trial_timeout_s"),
    ],
)
def test_a_number_that_json_cannot_say_is_refused_at_its_field(changes, path):
    ((field, reason),) = fields_of(described(**changes)).items()

    assert field.endswith(path)
    assert "finite number" in reason


def test_parameters_that_are_a_part_of_themselves_are_refused():
    endless = {}
    endless["a"] = endless

    fields = fields_of(described(strategy={"name": "random", "params": endless}))

    assert "a part of itself" in fields["strategy.params"]


def test_a_search_that_would_not_end_is_refused():
    assert "so that the search ends" in fields_of(described(budget={}))["budget"]


def test_a_spec_of_a_newer_version_says_what_to_do():
    assert "upgrade Archfront" in fields_of(described(version=99))["version"]


def test_malformed_yaml_is_named_with_its_line():
    with pytest.raises(SpecError, match="line 2"):
        load_submission("name: x\nspace: ]\n")


def test_yaml_gives_back_the_same_submission():
    submission = parse_submission(described(seeds=3))

    assert load_submission(dump_submission(submission)) == submission


def test_seeds_are_consecutive_and_change_the_digest():
    specs = parse_submission(described(seed=4, seeds=2)).specs()

    assert [spec.seed for spec in specs] == [4, 5]
    assert specs[0].digest() != specs[1].digest()


def test_what_came_later_and_is_left_out_leaves_no_trace_in_the_digest():
    spec = parse_submission(described()).specs()[0]

    assert spec.digest() == "35296b2e6ada5aed9fbb685393f2aaa6"


@pytest.mark.parametrize("late", ["kept", "steps_at_end"])
def test_what_came_later_to_supernets_leaves_no_trace_either(late):
    def digest(**more):
        supernet = {"checkpoint": "0" * 32, **more}
        return parse_submission(described(supernet=supernet)).specs()[0].digest()

    assert digest() == digest(**{late: 0}) == "be760c9f5da056e1998cde5487c1aa8c"
    assert digest(**{late: 1}) != digest()


def test_a_supernet_is_trained_or_taken_but_not_both():
    both = {"recipe": {"name": "spos"}, "checkpoint": "0" * 32}

    assert list(fields_of(described(supernet=both))) == ["supernet.checkpoint"]
    assert list(fields_of(described(supernet={}))) == ["supernet.recipe"]


def test_an_export_needs_an_objective_with_weights_and_a_list():
    wrong = {"weights": "accuracy"}

    assert list(fields_of(described(export=wrong))) == ["export.weights"]
    assert list(fields_of(described(export={"weights": "params"}))) == ["export"]
