import csv
import gzip
from functools import cache
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.spaces.nasbench101 import (
    EDGES,
    EQUIVALENCES,
    MAX_EDGES,
    Cell,
    fingerprint,
    nasbench101,
    pruned,
    valid_cell,
)

TABLE = Path(__file__).parents[4] / "shared" / "data" / "nasbench101_suitezero500.csv.gz"
CONV3, CONV1, POOL = 0, 1, 2

encodings = st.tuples(*[st.integers(0, 1)] * 21, *[st.integers(0, 2)] * 5)
archs = st.integers(0, 2**32 - 1).map(lambda seed: nasbench101.sample(np.random.default_rng(seed)))
seeds = st.integers(0, 2**32 - 1)
equivalences = st.sampled_from(EQUIVALENCES)


def arch_of(edges, operations=()):
    inner = [*operations, *[CONV3] * (5 - len(operations))]
    return (*(int(edge in edges) for edge in EDGES), *inner)


CHAIN = arch_of({(0, 1), (1, 6)})
INCEPTION_LIKE = arch_of(
    {(0, 1), (0, 2), (0, 3), (0, 5), (1, 6), (2, 6), (3, 4), (4, 6), (5, 6)},
    [CONV1, CONV3, CONV3, CONV3, POOL],
)


@pytest.mark.parametrize(
    ("edges", "operations", "published"),
    [
        ({(0, 6)}, [], "043721b9c7fe8c5fad811d47d83132ec"),
        ({(0, 1), (1, 6)}, [CONV3], "b49ac8c578b4561d79ac7087988f1c61"),
        ({(0, 1), (1, 6)}, [CONV1], "d1269d9156ddc027c40473008192958a"),
        ({(0, 1), (1, 6)}, [POOL], "53cee42601ad14d661bb6878031d6acb"),
        ({(0, 1), (0, 2), (1, 6), (2, 6)}, [CONV3, CONV1], "1af995a92568cf42af2c2668f72834ea"),
        ({(0, 1), (0, 2), (1, 6), (2, 6)}, [CONV1, CONV3], "1af995a92568cf42af2c2668f72834ea"),
        ({(0, 1), (0, 2), (1, 6), (2, 6)}, [CONV3, CONV3], "9205f3085fe97cb7a47783c3bbc01eab"),
    ],
)
def test_fingerprint_is_the_published_one(edges, operations, published):
    assert nasbench101.key(arch_of(edges, operations), "isomorphic") == published


@cache
def cells_of(num_vertices):
    """Every valid encoding whose cell has exactly so many vertices, the unused ones left out."""
    inner = num_vertices - 2
    places = (*range(num_vertices - 1), 6)
    choices = list(combinations(places, 2))
    graphs = (
        {edge for edge, chosen in zip(choices, bits, strict=True) if chosen}
        for bits in product((0, 1), repeat=len(choices))
    )
    whole = [
        edges
        for edges in graphs
        if len(edges) <= MAX_EDGES and len(pruned(arch_of(edges)).vertices) == num_vertices
    ]
    found = [
        arch_of(edges, operations)
        for edges in whole
        for operations in product((CONV3, CONV1, POOL), repeat=inner)
    ]
    return [arch for arch in found if nasbench101.invalid_reason(arch) is None]


@pytest.mark.parametrize(("num_vertices", "num_cells"), [(2, 1), (3, 6), (4, 84), (5, 2_441)])
def test_different_cells_are_as_many_as_published(num_vertices, num_cells):
    fingerprints = {nasbench101.key(arch, "isomorphic") for arch in cells_of(num_vertices)}

    assert len(fingerprints) == num_cells


@pytest.mark.parametrize(("num_vertices", "num_cells"), [(2, 1), (3, 6), (4, 84), (5, 2_441)])
def test_canonical_members_are_as_many_as_fingerprints(num_vertices, num_cells):
    members = {nasbench101.canonical(arch, "isomorphic") for arch in cells_of(num_vertices)}

    assert len(members) == num_cells


@pytest.mark.skipif(not TABLE.exists(), reason=f"the published table {TABLE.name} is absent")
def test_published_cells_are_valid_and_keep_their_text():
    with gzip.open(TABLE, "rt") as file:
        texts = [row["arch"] for row in csv.DictReader(file)]

    decoded = [nasbench101.decode(text) for text in texts]

    assert [nasbench101.encode(arch) for arch in decoded] == texts
    assert {nasbench101.invalid_reason(arch) for arch in decoded} == {None}


@given(encodings)
def test_number_and_text_lead_back_to_the_encoding(arch):
    assert nasbench101.at(nasbench101.index(arch)) == arch
    assert nasbench101.decode(nasbench101.encode(arch)) == arch


@pytest.mark.parametrize("index", [-1, 509_607_936])
def test_numbers_outside_the_space_are_refused(index):
    with pytest.raises(ValueError, match=f"index {index} is outside 0 to 509607935"):
        nasbench101.at(index)


def numbers(**changed):
    """The 56 numbers of a chain, with some of them changed: n7=1 sets the eighth."""
    chain = [0] * 56
    chain[1] = chain[13] = chain[55] = 1
    chain[50:55] = [4] * 5
    for name, number in changed.items():
        chain[int(name[1:])] = number
    return str(chain)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv", "not a list of numbers: 'conv'"),
        ("(1, 2", "not a list of numbers"),
        ("(0, 1)", "a cell is 56 numbers in brackets"),
        (numbers(n3=0.5), "0.5 is not a whole number"),
        (numbers(n3=2), "row 0, column 3: 2 is neither 0 nor 1"),
        (numbers(n7=1), "row 1, column 0: an edge must lead to a later vertex"),
        (numbers(n8=1), "row 1, column 1: an edge must lead to a later vertex"),
        (numbers(n49=1), "must begin with 0"),
        (numbers(n52=7), "vertex 3: operation 7 is unknown"),
    ],
)
def test_wrong_text_is_refused_with_the_place(text, message):
    with pytest.raises(ValueError, match=message):
        nasbench101.decode(text)


def test_text_of_a_list_is_read_too():
    assert nasbench101.decode(numbers()) == CHAIN


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ((0,) * 25, "an arch has 26 choices, not 25"),
        ((2, *[0] * 25), "edge 0-1: choice 2 is outside 0 to 1"),
        ((*[0] * 25, 3), "vertex 5: choice 3 is outside 0 to 2"),
        (arch_of({(0, 1), (2, 6)}), "input and output are not connected"),
        ((1,) * 21 + (0,) * 5, "21 edges on paths from input to output; at most 9"),
    ],
)
def test_invalid_choices_have_a_reason(choices, reason):
    assert nasbench101.invalid_reason(choices) == reason


def test_edges_off_every_path_do_not_count_towards_the_nine():
    dead = {(0, v) for v in (2, 3, 4, 5)} | set(combinations((2, 3, 4, 5), 2))

    arch = arch_of({(0, 1), (1, 6)} | dead)

    assert sum(arch[:21]) == 12
    assert nasbench101.invalid_reason(arch) is None


def test_pruning_keeps_what_lies_on_a_path():
    arch = arch_of({(0, 2), (2, 4), (4, 6), (0, 6), (1, 6), (0, 3), (4, 5)}, [0, 1, 0, 2, 0])

    assert pruned(arch) == Cell((0, 2, 4, 6), ((0, 1), (0, 3), (1, 2), (2, 3)), (1, 2))


@pytest.mark.parametrize("arch", [(0,) * 26, (1,) * 21 + (0,) * 5])
def test_invalid_cells_are_only_equal_to_themselves(arch):
    assert nasbench101.canonical(arch, "isomorphic") == arch
    assert nasbench101.key(arch, "isomorphic") == nasbench101.encode(arch)


def test_invalid_cells_have_no_network():
    with pytest.raises(ValueError, match="not a cell of nasbench101: input and output are not"):
        valid_cell((0,) * 26)


@given(encodings, equivalences)
def test_canonical_member_is_its_own_and_of_the_same_class(arch, equivalence):
    canonical = nasbench101.canonical(arch, equivalence)

    assert nasbench101.canonical(canonical, equivalence) == canonical
    assert nasbench101.key(canonical, equivalence) == nasbench101.key(arch, equivalence)
    assert (nasbench101.invalid_reason(canonical) is None) == (
        nasbench101.invalid_reason(arch) is None
    )


@given(archs, seeds)
def test_cells_with_renamed_vertices_share_key_and_canonical_member(arch, seed):
    order = [0, *(np.random.default_rng(seed).permutation(5) + 1).tolist(), 6]
    edges = {(order[i], order[j]) for (i, j), there in zip(EDGES, arch, strict=False) if there}
    inner = dict(zip(order[1:-1], arch[21:], strict=True))
    renamed = arch_of({tuple(sorted(edge)) for edge in edges}, [inner[v] for v in range(1, 6)])
    is_same_graph = all(i < j for i, j in edges)

    for ask in (nasbench101.key, nasbench101.canonical):
        assert not is_same_graph or ask(arch, "isomorphic") == ask(renamed, "isomorphic")


@given(archs, archs, equivalences)
def test_keys_are_equal_exactly_when_canonical_members_are(first, second, equivalence):
    keys = {nasbench101.key(arch, equivalence) for arch in (first, second)}
    members = {nasbench101.canonical(arch, equivalence) for arch in (first, second)}

    assert len(keys) == len(members)


def test_unknown_equivalence_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="known: exact, isomorphic"):
        nasbench101.canonical(CHAIN, "zero_aware")


@given(archs)
def test_samples_are_valid(arch):
    assert nasbench101.invalid_reason(arch) is None


def test_samples_show_every_operation_evenly():
    rng = np.random.default_rng(0)

    counts = np.apply_along_axis(
        np.bincount, 0, [nasbench101.sample(rng)[21:] for _ in range(1_500)]
    )

    assert counts.shape == (3, 5)
    assert counts.min() > 430
    assert counts.max() < 570


@given(archs)
def test_neighbours_are_valid_and_differ_in_one_choice(arch):
    neighbours = nasbench101.neighbours(arch)

    distances = {sum(a != b for a, b in zip(arch, other, strict=True)) for other in neighbours}
    assert distances == {1}
    assert {nasbench101.invalid_reason(other) for other in neighbours} == {None}


def test_neighbours_are_all_valid_edits():
    # Without its edges 0-1 or 1-6 the chain is cut; 19 other edges may come, 10 operations change.
    assert len(nasbench101.neighbours(CHAIN)) == 19 + 10


@given(archs, seeds)
def test_mutation_is_a_neighbour(arch, seed):
    mutant = nasbench101.mutate(arch, np.random.default_rng(seed))

    assert mutant in nasbench101.neighbours(arch)


@given(archs, archs, seeds)
def test_child_is_valid_and_takes_each_choice_from_a_parent(first, second, seed):
    child = nasbench101.crossover(first, second, np.random.default_rng(seed))

    assert nasbench101.invalid_reason(child) is None
    assert all(c in (a, b) for a, b, c in zip(first, second, child, strict=True))


def test_fingerprint_does_not_depend_on_the_order_of_edges():
    cell = valid_cell(INCEPTION_LIKE)

    turned = Cell(cell.vertices, cell.edges[::-1], cell.operations)

    assert fingerprint(turned) == fingerprint(cell)


def test_drawing_shows_operations_as_nodes_and_flags_dead_edges():
    drawing = nasbench101.drawing(arch_of({(0, 1), (1, 6), (0, 3)}, [POOL, CONV3, CONV1]))

    assert [(node.label, node.role) for node in drawing.nodes] == [
        ("input", "input"),
        ("max pool 3x3", "operation"),
        ("conv 1x1", "operation"),
        ("output", "output"),
    ]
    assert [(e.source, e.target) for e in drawing.edges if e.is_dead] == [("0", "3")]
    assert drawing.caption == "3 vertices, 2 edges"


def test_drawing_of_no_cell_says_why():
    assert nasbench101.drawing((0,) * 26).caption == "input and output are not connected"


def test_edit_names_edges_and_operations():
    other = arch_of({(0, 1), (1, 6), (0, 6)}, [POOL])

    assert (
        nasbench101.edit(CHAIN, other) == "edge 0-6 added; vertex 1: conv 3x3 becomes max pool 3x3"
    )
    assert nasbench101.edit(other, CHAIN).startswith("edge 0-6 removed")
    assert nasbench101.edit(CHAIN, CHAIN) == ""
