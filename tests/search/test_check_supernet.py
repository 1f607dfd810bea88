"""What is said of a supernet before anything is queued."""

import pytest

from search.catalogue import CHECKPOINT_VERSION, CheckpointInfo
from search.check import check
from search.cutting import num_slices
from search.errors import SpecError
from search.offer import offer
from search.spec import parse_submission

DIGEST = "0" * 32


@pytest.fixture(scope="module")
def offered(tmp_path_factory):
    return offer(tmp_path_factory.mktemp("data"))


def checkpoint(offered, **changes):
    digits = offered.plugin("dataset", "digits").traits
    known = {
        "digest": DIGEST,
        "version": CHECKPOINT_VERSION,
        "space": "cell_27",
        "network": {"channels": 8, "cells": 2},
        "shape": digits["shape"],
        "num_classes": 10,
        "dataset": "digits",
        "dataset_digest": digits["digest"],
        "recipe": "spos",
        "steps": 100,
    }
    return CheckpointInfo(**{**known, **changes})


def spec(supernet, **changes):
    return parse_submission(
        {
            "name": "supernet",
            "space": {"name": "cell_27"},
            "objectives": ["supernet_validation_accuracy", "params"],
            "strategy": {"name": "random"},
            "budget": {"trials": 1000},
            "supernet": supernet,
            **changes,
        }
    )


def problems(submission, catalogue):
    with pytest.raises(SpecError) as caught:
        check(submission, catalogue)
    return caught.value.fields


def test_recipes_and_measures_of_supernets_are_offered(offered):
    bignas, spos = (offered.plugin("recipe", name) for name in ("bignas", "spos"))

    assert "chooses an operation" in bignas.traits["unfit"]["cell_27"]
    assert "elastic_tiny" in bignas.traits["spaces"]
    assert bignas.traits["evidence"] == "reconstruction"
    assert "cell_27" in spos.traits["spaces"]
    assert "batch_size" in spos.parameters["properties"]
    assert "cell_27" in offered.names("mixture")
    assert offered.plugin("inherited", "supernet_accuracy").traits["needs_supernet"]


def test_a_recipe_that_fits_passes(offered):
    assert check(spec({"recipe": {"name": "spos"}}), offered) is None


def test_norms_by_predecessors_are_for_supernets_that_have_them(offered):
    asked = {"recipe": {"name": "spos", "params": {"node_norms": True}}}

    assert check(spec(asked, space={"name": "nasbench201"}), offered) is None
    assert (
        check(spec({"recipe": {"name": "spos", "params": {"node_norms": False}}}), offered) is None
    )


def test_a_warm_up_that_never_ends_is_refused_at_its_field(offered):
    def shiftnas(**params):
        recipe = {"name": "shiftnas", "params": params}
        return spec({"recipe": recipe}, space={"name": "elastic_tiny"}, network={})

    path = "supernet.recipe.params.warmup_epochs"
    message = "50 is too large: less than epochs, 50"
    assert problems(shiftnas(epochs=50), offered) == {path: message}
    assert check(shiftnas(epochs=50, warmup_epochs=49), offered) is None


def test_what_is_held_out_must_leave_something_to_train_on(offered):
    recipe = {"name": "spos"}

    fields = problems(spec({"recipe": recipe, "validation_share": 0.9999}), offered)

    assert fields == {
        "supernet.validation_share": "1,437 of 1,437 training images would be held out, which "
        "leaves too few to train on"
    }
    assert check(spec({"recipe": recipe, "validation_share": 0.9}), offered) is None


def test_what_is_no_hash_is_told_as_such():
    with pytest.raises(SpecError, match="'abc' is no hash of a checkpoint: 32 digits and letters"):
        spec({"checkpoint": "abc"})


def test_a_checkpoint_that_fits_passes(offered):
    known = offered.model_copy(update={"checkpoints": (checkpoint(offered),)})

    assert check(spec({"checkpoint": DIGEST}), known) is None


@pytest.mark.parametrize(
    ("recipe", "field", "message"),
    [
        ({"name": "bignas"}, "supernet.recipe.name", "bignas cannot train cell_27"),
        ({"name": "magic"}, "supernet.recipe.name", "no worker offers a supernet recipe"),
        (
            {"name": "spos", "params": {"epochs": 0}},
            "supernet.recipe.params.epochs",
            "at least 1",
        ),
        (
            {"name": "spos", "params": {"heat": 1}},
            "supernet.recipe.params.heat",
            "unknown parameter",
        ),
        (
            {"name": "spos", "params": {"channels": "chunk"}},
            "supernet.recipe.params.channels",
            "chunk needs source entangled, not per_choice",
        ),
        (
            {"name": "deeper_insights", "params": {"sharing": "random_groups", "groups": 28}},
            "supernet.recipe.params.groups",
            "28 is too large: the space has 27 architectures",
        ),
        (
            {"name": "gradient_matching", "params": {"splits": 4}},
            "supernet.recipe.params.splits",
            "4 is too large: the space has 3 decisions of three choices or more",
        ),
        (
            {"name": "spos", "params": {"source": "entangled", "kernels": "transformed"}},
            "supernet.recipe.params.kernels",
            "transformed needs decisions about kernels, and the space has none",
        ),
        (
            {"name": "few_shot", "params": {"decision": 9}},
            "supernet.recipe.params.decision",
            "number 9 is split, but the last decision is number 2",
        ),
        (
            {"name": "few_shot", "params": {"decision": 1, "decisions": 3}},
            "supernet.recipe.params.decisions",
            "number 3 is split, but the last decision is number 2",
        ),
        (
            {"name": "fairnas", "params": {"node_norms": True}},
            "supernet.recipe.params.node_norms",
            "the supernet of cell_27 has none; there are some in that of: nasbench201",
        ),
    ],
)
def test_a_wrong_recipe_is_refused_at_its_field(offered, recipe, field, message):
    fields = problems(spec({"recipe": recipe}), offered)

    assert list(fields) == [field]
    assert message in fields[field]


def test_more_sub_supernets_than_can_be_trained_are_refused_at_their_field(offered):
    def few_shot(**params):
        recipe = {"name": "few_shot", "params": params}
        return spec({"recipe": recipe}, space={"name": "nasbench201"})

    path = "supernet.recipe.params.decisions"
    message = "625 sub-supernets are too many; 128 are the limit"
    assert problems(few_shot(decision=1, decisions=4), offered) == {path: message}
    assert check(few_shot(decision=1, decisions=3), offered) is None


def test_a_recipe_that_asks_for_what_the_space_has_is_taken(offered):
    kernels = {"name": "spos", "params": {"source": "entangled", "kernels": "transformed"}}

    check(spec({"recipe": kernels}, space={"name": "elastic_tiny"}), offered)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"digest": "1" * 32}, "there is no checkpoint"),
        ({"version": CHECKPOINT_VERSION + 1}, "train the supernet anew"),
        ({"space": "mobile"}, "supernet of mobile, not of cell_27"),
        ({"network": {"channels": 4, "cells": 2}}, "channels 4"),
        ({"shape": (3, 32, 32)}, "images of 3 x 32 x 32; those of digits are 1 x 8 x 8"),
        ({"num_classes": 100}, "tells 100 classes apart; digits has 10"),
        ({"dataset": "cifar10"}, "trained on cifar10, not on digits"),
        ({"dataset_digest": "other"}, "has changed"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_with_the_reason(offered, changes, message):
    known = offered.model_copy(update={"checkpoints": (checkpoint(offered, **changes),)})

    fields = problems(spec({"checkpoint": DIGEST}), known)

    assert list(fields) == ["supernet.checkpoint"]
    assert message in fields["supernet.checkpoint"]


def test_inherited_accuracy_needs_a_supernet(offered):
    assert list(problems(spec(None), offered)) == ["objectives.0.metric"]


def test_a_space_without_a_supernet_says_which_have_one(offered):
    other = spec({"recipe": {"name": "spos"}}, space={"name": "nasbench_macro"})

    assert "there is no supernet of nasbench_macro" in problems(other, offered)["space.name"]


def test_a_search_that_trains_a_supernet_is_never_cut(offered):
    wide = {"space": {"name": "elastic_tiny"}, "objectives": ["synflow"]}

    assert num_slices(spec({"recipe": {"name": "bignas"}}, **wide), offered) == 0
    assert num_slices(spec({"checkpoint": DIGEST}, **wide), offered) > 0
