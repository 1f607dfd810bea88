import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.spaces._recurrent_cells import FIRST_NODE
from search.spaces.nasbench_nlp import (
    EQUIVALENCES,
    OPERATIONS,
    graph_of,
    nasbench_nlp,
    valid_graph,
)

TABLE = Path(__file__).parents[4] / "shared" / "data" / "nasbench_nlp.parquet"

seeds = st.integers(0, 2**32 - 1)
encodings = st.integers(0, nasbench_nlp.size - 1).map(nasbench_nlp.at)
archs = seeds.map(lambda seed: nasbench_nlp.sample(np.random.default_rng(seed)))
equivalences = st.sampled_from(EQUIVALENCES)


def node(operation, *inputs):
    return {"op": operation, "input": list(inputs)}


RNN = {
    "f": node("linear", "x", "h_prev_0"),
    "h_new_0": node("activation_tanh", "f"),
}
TWO_STATES = {
    "h_new_0": node("elementwise_sum", "h_new_1", "h_prev_1"),
    "h_new_1": node("activation_sigm", "gate"),
    "gate": node("linear", "x", "h_prev_0", "h_prev_1"),
}


def arch_of(recipe):
    return nasbench_nlp.decode(json.dumps(recipe))


@pytest.mark.skipif(not TABLE.exists(), reason=f"the published table {TABLE.name} is absent")
def test_published_recipes_are_valid_and_keep_their_shape():
    published = pq.read_table(TABLE, columns=["recepie"])["recepie"].to_pylist()[::30]

    decoded = [nasbench_nlp.decode(text) for text in published]

    assert {nasbench_nlp.invalid_reason(arch) for arch in decoded} == {None}
    assert [shape_of(nasbench_nlp.encode(arch)) for arch in decoded] == list(
        map(shape_of, published)
    )


def shape_of(text):
    """A recipe without the names of its inner nodes."""
    recipe = json.loads(text)

    def expression(name):
        part = recipe.get(name)
        return name if part is None else (part["op"], *map(expression, part["input"]))

    return sorted(map(repr, (expression(name) for name in recipe)))


@given(encodings)
def test_number_and_text_lead_back_to_the_encoding(arch):
    assert nasbench_nlp.at(nasbench_nlp.index(arch)) == arch
    assert nasbench_nlp.decode(nasbench_nlp.encode(arch)) == arch


@pytest.mark.parametrize("index", [-1, nasbench_nlp.size])
def test_numbers_outside_the_space_are_refused(index):
    with pytest.raises(ValueError, match=f"index {index} is outside 0 to"):
        nasbench_nlp.at(index)


def test_recipe_is_written_with_inputs_first_and_nothing_else():
    assert json.loads(nasbench_nlp.encode(arch_of(TWO_STATES))) == {
        "node_0": node("linear", "x", "h_prev_0", "h_prev_1"),
        "h_new_1": node("activation_sigm", "node_0"),
        "h_new_0": node("elementwise_sum", "h_new_1", "h_prev_1"),
    }


def test_choices_that_take_no_part_are_kept_beside_the_recipe():
    arch = (*arch_of(RNN)[:80], 5, 4, 3, 2, *arch_of(RNN)[84:])

    text = json.loads(nasbench_nlp.encode(arch))

    assert list(text) == ["node_0", "h_new_0", "choices"]
    assert text["choices"] == list(arch)


@pytest.mark.parametrize("choices", [[0, 1], "all", list(arch_of(TWO_STATES)), [[]]])
def test_choices_of_another_cell_are_refused(choices):
    with pytest.raises(ValueError, match="choices do not make this cell"):
        nasbench_nlp.decode(json.dumps({**RNN, "choices": choices}))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ([], "a recipe is a JSON object"),
        ({}, "new hidden states must be h_new_0"),
        ({"h_new_1": node("linear", "x", "h_prev_0")}, "new hidden states must be h_new_0"),
        ({"h_new_0": 1}, "h_new_0: a node has an op and an input, nothing else"),
        ({"h_new_0": {"op": "linear", "input": "x"}}, "h_new_0: input must be a list of names"),
        (
            {"h_new_0": node("linear", "x")},
            "h_new_0: unknown 'linear' of 1 inputs; known: linear of 2",
        ),
        ({"h_new_0": node(["linear"], "x", "h_prev_0")}, "h_new_0: unknown"),
        ({"h_new_0": node("conv", "x")}, "h_new_0: unknown 'conv' of 1 inputs"),
        ({"h_new_0": node("linear", "x", "x")}, "h_new_0: reads the same input twice"),
        ({"h_new_0": node("linear", "x", "a")}, "h_new_0: there is no 'a' to read"),
        (
            {"h_new_0": node("activation_tanh", "x")},
            "h_new_0: x can only be read by a linear node",
        ),
        (
            {"h_new_0": node("linear", "x", "h_prev_1")},
            "h_new_0: reads h_prev_1, but there is no h_new_1",
        ),
        (
            {"h_new_0": node("linear", "x", "a"), "a": node("activation_tanh", "h_new_0")},
            "h_new_0: reads itself, directly or through others",
        ),
        ({**RNN, "a": node("activation_tanh", "f")}, "a: nothing reads it"),
        (
            {**RNN, **{f"n{i}": node("activation_tanh", "f") for i in range(20)}},
            "a cell has at most 21 nodes, not 22",
        ),
    ],
)
def test_wrong_recipes_are_refused_with_the_node(recipe, message):
    with pytest.raises(ValueError, match=message):
        arch_of(recipe)


def test_text_that_is_no_json_is_refused():
    with pytest.raises(ValueError, match=r"not valid JSON: .* line 1 column 2"):
        nasbench_nlp.decode("{")


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ({"h_new_0": node("activation_tanh", "h_prev_0")}, "x is not used"),
        (
            {"a": node("linear", "x", "h_prev_1"), "h_new_0": node("activation_tanh", "a")}
            | {"h_new_1": node("activation_sigm", "a")},
            "h_prev_0 is not used",
        ),
    ],
)
def test_what_is_never_read_makes_a_cell_invalid(recipe, reason):
    arch = arch_of(recipe)

    assert nasbench_nlp.invalid_reason(arch) == reason
    with pytest.raises(ValueError, match=f"not a cell of nasbench_nlp: {reason}"):
        valid_graph(arch)


def test_wrong_choices_have_a_reason():
    arch = arch_of(RNN)

    assert nasbench_nlp.invalid_reason(arch[1:]) == "an arch has 88 choices, not 87"
    assert nasbench_nlp.invalid_reason((8, *arch[1:])) == (
        "node_0 operation: choice 8 is outside 0 to 7"
    )


def test_half_of_all_encodings_are_valid():
    rng = np.random.default_rng(0)
    counts = [len(decision.choices) for decision in nasbench_nlp.decisions]

    drawn = [tuple(rng.integers(counts).tolist()) for _ in range(600)]

    share = np.mean([nasbench_nlp.invalid_reason(arch) is None for arch in drawn])
    assert 0.45 < share < 0.62


@given(encodings)
def test_nodes_read_different_inputs_of_the_right_number_that_come_before(arch):
    for place, step in graph_of(arch).nodes.items():
        assert len(set(step.inputs)) == len(step.inputs) == OPERATIONS[step.operation][1]
        assert max(step.inputs) < 4 + place
        assert 0 not in step.inputs or step.name == "linear"


@given(archs)
def test_an_activation_follows_every_linear_map_of_a_sample(arch):
    graph = graph_of(arch)
    names = {FIRST_NODE + node: step.name for node, step in graph.nodes.items()}

    readers = {
        source: [names[FIRST_NODE + n] for n, step in graph.nodes.items() if source in step.inputs]
        for source, name in names.items()
        if name == "linear"
    }

    assert all(len(each) == 1 and each[0].startswith("activation") for each in readers.values()), (
        readers
    )


def test_samples_have_the_shares_of_the_generator():
    rng = np.random.default_rng(0)
    graphs = [graph_of(nasbench_nlp.sample(rng)) for _ in range(300)]
    names = [step.name for graph in graphs for step in graph.nodes.values()]
    others = sum(name in ("blend", "elementwise_prod", "elementwise_sum") for name in names)

    assert 1.2 < names.count("linear") / others < 2  # one to one, but the token must be read
    assert {len(graph.outputs) for graph in graphs} == {1, 2, 3}


@given(archs)
def test_samples_are_valid(arch):
    assert nasbench_nlp.invalid_reason(arch) is None


@settings(max_examples=6, deadline=None)
@given(archs)
def test_neighbours_are_valid_and_differ_in_one_choice_that_matters(arch):
    neighbours = nasbench_nlp.neighbours(arch)

    distances = {sum(a != b for a, b in zip(arch, other, strict=True)) for other in neighbours}
    assert distances == {1}
    assert {nasbench_nlp.invalid_reason(other) for other in neighbours} == {None}
    own = nasbench_nlp.key(arch, "pruned")
    assert own not in {nasbench_nlp.key(other, "pruned") for other in neighbours}


@settings(max_examples=6, deadline=None)
@given(archs, seeds)
def test_mutation_is_a_neighbour(arch, seed):
    mutant = nasbench_nlp.mutate(arch, np.random.default_rng(seed))

    assert mutant in nasbench_nlp.neighbours(arch)


@given(archs, archs, seeds)
def test_child_is_valid_and_takes_each_choice_from_a_parent(first, second, seed):
    child = nasbench_nlp.crossover(first, second, np.random.default_rng(seed))

    assert nasbench_nlp.invalid_reason(child) is None
    assert all(c in (a, b) for a, b, c in zip(first, second, child, strict=True))


@given(encodings, equivalences)
def test_canonical_member_is_its_own_and_of_the_same_class(arch, equivalence):
    canonical = nasbench_nlp.canonical(arch, equivalence)

    assert nasbench_nlp.canonical(canonical, equivalence) == canonical
    assert nasbench_nlp.key(canonical, equivalence) == nasbench_nlp.key(arch, equivalence)
    assert nasbench_nlp.invalid_reason(canonical) == nasbench_nlp.invalid_reason(arch)


@given(encodings, st.integers(0, 87), equivalences)
def test_keys_are_equal_exactly_when_canonical_members_are(arch, place, equivalence):
    other = (*arch[:place], 0, *arch[place + 1 :])

    keys = {nasbench_nlp.key(a, equivalence) for a in (arch, other)}
    members = {nasbench_nlp.canonical(a, equivalence) for a in (arch, other)}

    assert len(keys) == len(members)


def test_unknown_equivalence_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="known: exact, pruned"):
        nasbench_nlp.key(arch_of(RNN), "isomorphic")


def test_drawing_shows_operations_between_old_and_new_states():
    drawing = nasbench_nlp.drawing(arch_of(TWO_STATES))

    assert [(n.label, n.role) for n in drawing.nodes] == [
        ("x", "input"),
        ("h_prev_0", "input"),
        ("h_prev_1", "input"),
        ("linear of 3", "operation"),
        ("activation_sigm", "operation"),
        ("elementwise_sum", "operation"),
        ("h_new_0", "output"),
        ("h_new_1", "output"),
    ]
    assert len(drawing.edges) == 3 + 1 + 2 + 2
    assert {edge.source for edge in drawing.edges} <= {n.name for n in drawing.nodes}
    assert drawing.caption == "3 nodes, 2 hidden states"


def test_drawing_of_no_cell_says_why():
    arch = arch_of({"h_new_0": node("activation_tanh", "h_prev_0")})

    assert nasbench_nlp.drawing(arch).caption == "x is not used"


def test_edit_names_the_nodes_that_change():
    sigmoid = {**RNN, "h_new_0": node("activation_sigm", "f")}

    assert nasbench_nlp.edit(arch_of(RNN), arch_of(sigmoid)) == (
        "node_1: activation_tanh of node_0 becomes activation_sigm of node_0"
    )
    assert nasbench_nlp.edit(arch_of(RNN), arch_of(RNN)) == ""


def test_edit_says_when_nothing_changes_that_takes_part():
    arch = arch_of(RNN)
    other = (*arch[:7], 1, *arch[8:])  # the third input of an activation

    assert nasbench_nlp.edit(arch, other) == "choices that take no part"
