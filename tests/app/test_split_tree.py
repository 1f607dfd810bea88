"""The tree of a split supernet, in the order in which its members are numbered."""

from app import drawings, split_tree
from app.charts import training as charts
from search.spaces import Decision

DECISIONS = (
    Decision("first", ("conv", "skip", "pool")),
    Decision("second", ("3x3", "5x5", "7x7", "9x9")),
)
TWICE = {"decision": 1, "groups": [[0, 1], [2, 3]]}
MATRIX = [[0, 1, 2], [1, 0, 3], [2, 3, 0]]


def tree(*snapshots):
    return split_tree.tree(split_tree.levels(snapshots), DECISIONS)


def test_every_choice_is_a_part():
    root = tree((30, {"members": [{"decisions": [0]}]}))

    assert [part.label for part in root.parts] == ["conv", "skip", "pool"]
    assert (root.decision, root.step, split_tree.num_leaves(root)) == ("first", 30, 3)


def test_members_of_a_second_split_belong_to_the_parts_in_their_order():
    other = {"decision": 0, "groups": [[0], [1, 2]]}
    root = tree((1, {"members": [TWICE]}), (2, {"members": [other, {"decisions": [0]}]}))

    assert [part.label for part in root.parts] == ["3x3 or 5x5", "7x7 or 9x9"]
    assert [part.label for part in root.parts[0].parts] == ["conv", "skip or pool"]
    assert [part.label for part in root.parts[1].parts] == ["conv", "skip", "pool"]


def test_members_are_told_by_all_that_holds_in_them():
    other = {"decision": 0, "groups": [[0], [1, 2]]}
    root = tree((1, {"members": [TWICE]}), (2, {"members": [other, other]}))

    assert list(split_tree.leaves(root))[:2] == [
        "second: 3x3 or 5x5; first: conv",
        "second: 3x3 or 5x5; first: skip or pool",
    ]
    assert list(split_tree.leaves(tree())) == ["the whole space"]


def test_a_log_of_all_splits_so_far_is_the_same_tree():
    first, second = {"members": [TWICE]}, {"members": [TWICE, TWICE]}

    assert tree((1, {"splits": [first]}), (2, {"splits": [first, second]})) == tree(
        (1, first), (2, second)
    )


def test_distances_are_told_with_the_names_of_the_choices():
    log = {"decision": 0, "groups": [[0, 1], [2]], "distances": {"0": MATRIX}, "inter": {"0": 2.5}}

    ((part, found),) = split_tree.measured(tree((1, {"members": [log]})))

    assert part == "the whole space"
    assert (found.decision, found.choices, found.is_chosen) == (
        "first",
        DECISIONS[0].choices,
        True,
    )
    assert (found.inter, found.intra) == (2.5, None)
    words = charts.distances_alt(found.choices, found.distances_CC)
    assert "skip and pool lie furthest apart" in words
    assert charts.distances_chart(found.choices, found.distances_CC).data[0].x[0] == "conv"


def test_nothing_was_split():
    root = tree()

    assert root.parts == ()
    assert split_tree.num_leaves(root) == 1


def test_the_tree_can_be_drawn():
    drawing = split_tree.drawing(tree((30, {"members": [TWICE]})))

    assert [node.label for node in drawing.nodes] == [
        "whole space | split at second",
        "3x3 or 5x5",
        "7x7 or 9x9",
    ]
    assert drawings.dot(drawing, is_upright=True).count("->") == 2


def test_choices_that_the_space_does_not_have_are_numbered():
    root = tree((1, {"members": [{"decision": 9, "groups": [[0], [1]]}]}))

    assert (root.decision, root.parts[1].label) == ("decision 9", "choice 1")
