"""All that is wrong with a description is told at once."""

import pytest

from search.errors import SpecError
from search.mending import checked
from search.offer import offer


@pytest.fixture(scope="module")
def offered(tmp_path_factory):
    return offer(tmp_path_factory.mktemp("data"))


def described(**changes):
    return {
        "name": "first",
        "space": {"name": "cell_27"},
        "objectives": ["params"],
        "strategy": {"name": "random"},
        "budget": {"trials": 10},
        **changes,
    }


def told(offered, **changes):
    with pytest.raises(SpecError) as caught:
        checked(described(**changes), offered)
    return caught.value.fields


MAGIC, AT_LEAST = "objectives.2.metric", "objectives.0.at_least"


def test_a_description_without_faults_is_read(offered):
    assert checked(described(), offered).name == "first"


def test_wrong_shapes_names_and_parameters_are_told_together(offered):
    recipe = {"name": "spos", "params": {"epochs": 0}}

    fields = told(
        offered,
        name=" ",
        objectives=["params", "magic"],
        strategy={"name": "nsga2", "params": {"population": 0}},
        supernet={"recipe": recipe, "validation_share": 1},
        budget={"trials": 0},
    )

    assert set(fields) == {
        "name",
        "objectives.1.metric",
        "strategy.params.population",
        "supernet.recipe.params.epochs",
        "supernet.validation_share",
        "budget.trials",
    }


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({"objectives": []}, {"objectives"}),
        ({"objectives": 5}, {"objectives"}),
        ({"objectives": [{"metric": 5, "name": "five"}, "macs"]}, {"objectives.0.metric"}),
        ({"objectives": ["params", "params", "magic"]}, {"objectives.1.name", MAGIC}),
        ({"objectives": [{"metric": "params", "at_least": 2, "at_most": 1}]}, {AT_LEAST}),
        ({"objectives": ["params"], "export": {"weights": "acc"}}, {"export.weights"}),
        ({"budget": {}}, {"budget"}),
        ({"budget": {"trials": 0}}, {"budget.trials"}),
        ({"budget": None, "supernet": {}}, {"budget", "supernet.recipe"}),
        ({"strategy": "random"}, {"strategy"}),
        ({"strategy": {"params": {"x": 1}}, "control": True}, {"strategy.name"}),
        ({"control": True, "device": "tpu"}, {"control", "device"}),
        ({"supernet": {"checkpoint": "abc"}, "seed": -1}, {"supernet.checkpoint", "seed"}),
        ({"warm_start": {"pool": 1}, "seeds": 0}, {"warm_start.pool", "seeds"}),
        ({"colour": "red"}, {"colour"}),
    ],
)
def test_mending_one_field_says_nothing_false_of_another(offered, changes, paths):
    fields = told(offered, **changes, data={"name": "digits", "batch_size": 1})

    assert set(fields) == paths | {"data.batch_size"}


def test_a_fault_of_names_beside_a_wrong_shape_is_told(offered):
    fields = told(offered, data={"name": "digits", "batch_size": 0}, network={"channels": 0})

    assert set(fields) == {"data.batch_size", "network.channels"}


@pytest.mark.parametrize(
    ("changes", "path"),
    [({"version": 99}, "version"), ({"space": None}, "space"), ({"data": 5}, "data")],
)
def test_without_what_others_refer_to_nothing_else_is_said(offered, changes, path):
    assert list(told(offered, strategy={"name": "magic"}, **changes)) == [path]


def test_what_is_no_mapping_is_told_as_such(offered):
    with pytest.raises(SpecError, match="a spec is a mapping"):
        checked([1, 2], offered)


def test_a_description_is_left_as_it_is(offered):
    content = described(name="", budget={})
    before = repr(content)

    with pytest.raises(SpecError):
        checked(content, offered)

    assert repr(content) == before
