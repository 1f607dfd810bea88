import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.spaces.darts import CELLS, EQUIVALENCES, NODES, OPERATIONS, cells, darts

seeds = st.integers(0, 2**32 - 1)
archs = st.integers(0, darts.size - 1).map(darts.at)
equivalences = st.sampled_from(EQUIVALENCES)

# The second-order result of the paper, as its authors wrote it down.
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), "
    "('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), "
    "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
    "reduce_concat=[2, 3, 4, 5])"
)
SKIPS = "('skip_connect', 0), ('skip_connect', 1)"
ALL_SKIPS = f"[{', '.join([SKIPS] * 4)}]"


def text_of(normal=ALL_SKIPS, more=""):
    return f"Genotype(normal={normal}, reduce={ALL_SKIPS}{more})"


def test_cells_are_as_many_as_published():
    assert darts.size == 1_037_664_180**2
    assert len(darts.decisions) == 22


@given(archs)
def test_number_and_text_lead_back_to_the_cells(arch):
    assert darts.at(darts.index(arch)) == arch
    assert darts.decode(darts.encode(arch)) == arch


def test_last_number_is_the_last_choice_everywhere():
    last = darts.at(darts.size - 1)

    assert last == tuple(len(decision.choices) - 1 for decision in darts.decisions)


@pytest.mark.parametrize("index", [-1, 1_037_664_180**2])
def test_numbers_outside_the_space_are_refused(index):
    with pytest.raises(ValueError, match=f"index {index} is outside 0 to"):
        darts.at(index)


def test_published_genotype_is_read_with_edges_in_any_order():
    normal, reduce = cells(darts.decode(DARTS_V2))

    assert [(OPERATIONS[e.operation], e.source) for inputs in normal[2:] for e in inputs] == [
        ("skip_connect", 0),
        ("sep_conv_3x3", 1),
        ("skip_connect", 0),
        ("dil_conv_3x3", 2),
    ]
    assert [[e.source for e in inputs] for inputs in reduce] == [[0, 1], [1, 2], [0, 2], [1, 2]]


def test_concat_may_be_a_range_or_missing():
    arch = darts.decode(text_of())

    assert (
        darts.decode(text_of(more=", normal_concat=range(2, 6), reduce_concat=[2, 3, 4, 5]"))
        == arch
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Genotype(", "not a genotype: 'Genotype\\('"),
        ("[1, 2]", "not of the form Genotype"),
        ("Network(normal=[], reduce=[])", "not of the form Genotype"),
        ("Genotype(1, reduce=[])", "not of the form Genotype"),
        ("Genotype(normal=f(1))", r"not a list of edges: 'f\(1\)'"),
        ("Genotype(normal=range(0, 10**9))", "not a list of edges"),
        ("Genotype(reduce=[])", "normal must list 8 edges, two for each node"),
        (text_of(more=", reduce_concat=[3, 4, 5]"), "reduce_concat must be .2, 3, 4, 5."),
        (
            text_of(normal=ALL_SKIPS.replace("('skip_connect', 1)", "1", 1)),
            "normal node 2: 1 is not a pair of operation and source",
        ),
        (
            text_of(normal=ALL_SKIPS.replace("skip_connect", "none", 1)),
            "normal node 2: unknown operation 'none'; known: max_pool_3x3",
        ),
        (
            text_of(normal=ALL_SKIPS.replace("1)", "2)", 1)),
            "normal node 2: source 2 is outside 0 to 1",
        ),
        (
            text_of(normal=ALL_SKIPS.replace("1)", "True)", 1)),
            "normal node 2: source True is outside 0 to 1",
        ),
        (
            text_of(normal=ALL_SKIPS.replace("1)", "0)", 1)),
            "normal node 2: both edges come from 0; they must differ",
        ),
    ],
)
def test_wrong_text_is_refused_with_the_place(text, message):
    with pytest.raises(ValueError, match=message):
        darts.decode(text)


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ((0,) * 21, "an arch has 22 choices, not 21"),
        ((7, *[0] * 21), "normal node 2 first operation: choice 7 is outside 0 to 6"),
        ((0, 0, 3, *[0] * 19), "normal node 3 inputs: choice 3 is outside 0 to 2"),
        ((*[0] * 21, -1), "reduce node 5 second operation: choice -1 is outside 0 to 6"),
    ],
)
def test_invalid_choices_have_a_reason(choices, reason):
    assert darts.invalid_reason(choices) == reason


@given(archs)
def test_every_combination_is_valid(arch):
    assert darts.invalid_reason(arch) is None


def num_differing_edges(first, second):
    """Edges of the second that the first does not have, as (cell, node, source, operation)."""

    def edges(arch):
        return {
            (cell, node, edge)
            for cell, graph in zip(CELLS, cells(arch), strict=True)
            for node, inputs in zip(NODES, graph, strict=True)
            for edge in inputs
        }

    return len(edges(second) - edges(first))


@given(archs)
def test_neighbours_differ_in_one_edge(arch):
    neighbours = darts.neighbours(arch)

    assert {num_differing_edges(arch, other) for other in neighbours} == {1}
    assert {darts.invalid_reason(other) for other in neighbours} == {None}
    assert len(set(neighbours)) == 16 * 6 + 2 * (2 * 1 + 2 * 2 + 2 * 3)


@given(archs, seeds)
def test_being_neighbours_is_mutual(arch, seed):
    mutant = darts.mutate(arch, np.random.default_rng(seed))

    assert mutant in darts.neighbours(arch)
    assert arch in darts.neighbours(mutant)


@given(archs, archs, seeds)
def test_child_takes_each_node_from_a_parent(first, second, seed):
    child = darts.crossover(first, second, np.random.default_rng(seed))

    for mine, yours, theirs in zip(cells(first), cells(second), cells(child), strict=True):
        assert all(c in (a, b) for a, b, c in zip(mine, yours, theirs, strict=True))


def test_sampling_covers_every_choice_evenly():
    rng = np.random.default_rng(0)

    drawn_DN = np.array([darts.sample(rng) for _ in range(2_000)]).T

    for decision, drawn_N in zip(darts.decisions, drawn_DN, strict=True):
        share = len(drawn_N) / len(decision.choices)
        counts = np.bincount(drawn_N, minlength=len(decision.choices))
        assert abs(counts - share).max() < 5 * math.sqrt(share)


def test_cells_with_reordered_nodes_are_isomorphic():
    # Nodes 2 and 3 change places; nodes 4 and 5 read them under their new names.
    first = text_of(
        "[('skip_connect', 0), ('sep_conv_3x3', 1), ('max_pool_3x3', 0), ('avg_pool_3x3', 1), "
        "('dil_conv_3x3', 2), ('skip_connect', 3), ('skip_connect', 2), ('skip_connect', 4)]"
    )
    second = text_of(
        "[('max_pool_3x3', 0), ('avg_pool_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), "
        "('skip_connect', 2), ('dil_conv_3x3', 3), ('skip_connect', 3), ('skip_connect', 4)]"
    )
    a, b = darts.decode(first), darts.decode(second)

    assert darts.key(a) != darts.key(b)
    assert darts.key(a, "isomorphic") == darts.key(b, "isomorphic")
    assert darts.canonical(a, "isomorphic") == darts.canonical(b, "isomorphic")


@given(archs, equivalences)
def test_canonical_member_is_its_own_and_the_first(arch, equivalence):
    canonical = darts.canonical(arch, equivalence)

    assert darts.canonical(canonical, equivalence) == canonical
    assert canonical <= arch


@given(archs, archs, equivalences)
def test_keys_are_equal_exactly_when_canonical_members_are(first, second, equivalence):
    keys = {darts.key(arch, equivalence) for arch in (first, second)}
    members = {darts.canonical(arch, equivalence) for arch in (first, second)}

    assert len(keys) == len(members)


def test_unknown_equivalence_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="known: exact, isomorphic"):
        darts.key(darts.at(0), "zero_aware")


def test_drawing_shows_both_cells():
    drawing = darts.drawing(darts.decode(DARTS_V2))

    roles = [node.role for node in drawing.nodes]
    assert [roles.count(role) for role in ("input", "node", "output")] == [4, 8, 2]
    assert len(drawing.edges) == 2 * (8 + 4)
    first = drawing.edges[0]
    assert (first.source, first.target, first.label) == ("normal 0", "normal 2", "sep conv 3x3")


def test_edit_names_the_node_and_its_inputs():
    first = darts.decode(text_of())
    second = darts.decode(text_of(normal=ALL_SKIPS.replace("skip_connect", "dil_conv_5x5", 1)))

    assert darts.edit(first, second) == (
        "normal node 2: skip of 0 + skip of 1 becomes dil conv 5x5 of 0 + skip of 1"
    )
    assert darts.edit(first, first) == ""
