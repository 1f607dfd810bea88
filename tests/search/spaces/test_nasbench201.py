import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.spaces.nasbench201 import (
    EQUIVALENCES,
    OPERATIONS,
    has_path_without_convolution,
    is_connected,
    live_edges,
    nasbench201,
)

TABLE = Path(__file__).parents[4] / "shared" / "data" / "nb201.csv.gz"
LETTERS = {"n": 0, "s": 1, "1": 2, "3": 3, "p": 4}
ALL_ARCHS = [nasbench201.at(number) for number in range(nasbench201.size)]

archs = st.tuples(*[st.integers(0, 4)] * 6)


def arch_of(letters):
    return tuple(LETTERS[letter] for letter in letters)


@pytest.mark.skipif(
    not TABLE.exists(), reason="the published table ../shared/data/nb201.csv.gz is absent"
)
def test_every_cell_has_its_published_number():
    with gzip.open(TABLE, "rt") as file:
        published = {int(row["index"]): row["arch_str"] for row in csv.DictReader(file)}

    ours = {number: nasbench201.encode(arch) for number, arch in enumerate(ALL_ARCHS)}

    assert ours == published


def test_known_cell_has_its_published_number():
    text = (
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
        "+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
    )

    assert nasbench201.index(nasbench201.decode(text)) == 13714


@given(archs)
def test_number_and_text_lead_back_to_the_cell(arch):
    assert nasbench201.at(nasbench201.index(arch)) == arch
    assert nasbench201.decode(nasbench201.encode(arch)) == arch


def test_numbers_outside_the_space_are_refused():
    with pytest.raises(ValueError, match="index 15625 is outside 0 to 15624"):
        nasbench201.at(15625)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("|none~0|", "a cell has 3 blocks joined by '.', not 1"),
        ("|none~0|+none~0|none~1|+|none~0|none~1|none~2|", "block 2 must begin and end"),
        ("|none~0|+|none~0|+|none~0|none~1|none~2|", r"block 2 holds 2 operation\(s\), not 1"),
        (
            "|none~0|+|none~0|none~0|+|none~0|none~1|none~2|",
            "block 2, operation 2: must come from node 1",
        ),
        (
            "|none~0|+|none~0|none~1|+|none~0|conv~1|none~2|",
            "block 3, operation 2: unknown operation 'conv'",
        ),
        (
            "|none|+|none~0|none~1|+|none~0|none~1|none~2|",
            "block 1, operation 1: 'none' is not of the form",
        ),
    ],
)
def test_wrong_text_is_refused_with_the_place(text, message):
    with pytest.raises(ValueError, match=message):
        nasbench201.decode(text)


@pytest.mark.parametrize(
    ("equivalence", "num_classes"),
    [("exact", 15_625), ("skip_aware", 12_751), ("zero_aware", 6_466)],
)
def test_classes_are_as_many_as_published(equivalence, num_classes):
    assert len({nasbench201.key(arch, equivalence) for arch in ALL_ARCHS}) == num_classes


@pytest.mark.parametrize(
    ("letters", "equivalence", "key"),
    [
        (
            "333s13",
            "zero_aware",
            "(((0)@nor_conv_3x3)@nor_conv_3x3+(0)@nor_conv_3x3)@nor_conv_3x3"
            "+((0)@nor_conv_3x3)@nor_conv_1x1+0",
        ),
        (
            "s3snn3",
            "exact",
            "(((0)@skip_connect)@skip_connect+(0)@nor_conv_3x3)@nor_conv_3x3"
            "+((0)@skip_connect)@none+(0)@none",
        ),
        ("s3snn3", "skip_aware", "((0)@nor_conv_3x3+0)@nor_conv_3x3+(0)@none+(0)@none"),
        ("s3snn3", "zero_aware", "#+#+((0)@nor_conv_3x3+0)@nor_conv_3x3"),
        ("nsn3nn", "zero_aware", "#+#+(0)@nor_conv_3x3"),
    ],
)
def test_key_is_the_unique_string_of_the_benchmark(letters, equivalence, key):
    assert nasbench201.key(arch_of(letters), equivalence) == key


def test_unknown_equivalence_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="known: exact, skip_aware, zero_aware"):
        nasbench201.key((0,) * 6, "isomorphic")


@given(archs, st.sampled_from(EQUIVALENCES))
def test_canonical_member_is_of_the_same_class_and_its_own_canonical_member(arch, equivalence):
    member = nasbench201.canonical(arch, equivalence)

    assert nasbench201.key(member, equivalence) == nasbench201.key(arch, equivalence)
    assert nasbench201.canonical(member, equivalence) == member


@pytest.mark.parametrize("equivalence", EQUIVALENCES)
def test_there_is_one_canonical_member_for_each_class(equivalence):
    members = {nasbench201.canonical(arch, equivalence) for arch in ALL_ARCHS}

    assert len(members) == len({nasbench201.key(arch, equivalence) for arch in ALL_ARCHS})


@given(archs)
def test_neighbours_are_the_24_cells_that_differ_on_one_edge(arch):
    neighbours = nasbench201.neighbours(arch)

    assert len(set(neighbours)) == 24
    assert {sum(map(int.__ne__, arch, other)) for other in neighbours} == {1}
    assert all(nasbench201.invalid_reason(other) is None for other in neighbours)


@given(archs, st.integers(0, 2**32))
def test_mutation_gives_a_neighbour(arch, seed):
    assert nasbench201.mutate(arch, np.random.default_rng(seed)) in nasbench201.neighbours(arch)


def test_mutation_reaches_every_neighbour_equally_often():
    rng = np.random.default_rng(0)
    drawn = [nasbench201.mutate((0, 1, 2, 3, 4, 0), rng) for _ in range(24_000)]

    counts = [drawn.count(other) for other in nasbench201.neighbours((0, 1, 2, 3, 4, 0))]

    assert sum(counts) == 24_000
    assert min(counts) > 850
    assert max(counts) < 1_150


@given(archs, archs, st.integers(0, 2**32))
def test_crossover_takes_every_edge_from_a_parent(first, second, seed):
    child = nasbench201.crossover(first, second, np.random.default_rng(seed))

    assert all(c in (a, b) for a, b, c in zip(first, second, child, strict=True))


def test_sampling_covers_every_operation_on_every_edge_evenly():
    rng = np.random.default_rng(0)

    counts = np.apply_along_axis(np.bincount, 0, [nasbench201.sample(rng) for _ in range(5_000)])

    assert counts.shape == (5, 6)
    assert counts.min() > 880
    assert counts.max() < 1_120


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ((0,) * 5, "a cell has 6 edges, not 5"),
        ((0, 0, 5, 0, 0, 0), "edge 1-2: choice 5 is outside 0 to 4"),
        ((0, -1, 0, 0, 0, 0), "edge 0-2: choice -1 is outside 0 to 4"),
        ((0, 0, 0, 0, 0, 1.0), "edge 2-3: 1.0 is not a whole number"),
        ((True, 0, 0, 0, 0, 0), "edge 0-1: True is not a whole number"),
    ],
)
def test_invalid_choices_have_a_reason(choices, reason):
    assert nasbench201.invalid_reason(choices) == reason


def test_disconnected_cells_are_341_and_valid():
    disconnected = [arch for arch in ALL_ARCHS if not is_connected(arch)]

    assert len(disconnected) == 341
    assert all(nasbench201.invalid_reason(arch) is None for arch in disconnected)


def test_cells_with_a_path_without_convolution_are_9226():
    assert sum(map(has_path_without_convolution, ALL_ARCHS)) == 9_226


@pytest.mark.parametrize(
    ("letters", "live"),
    [
        ("333s13", {(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)}),
        ("s3snn3", {(0, 1), (0, 2), (1, 2), (2, 3)}),
        ("3s3n1n", {(0, 1), (1, 3)}),
        ("n3331s", {(0, 2), (0, 3), (2, 3)}),
        ("33snnn", set()),
    ],
)
def test_live_edges_lie_on_a_path_from_input_to_output(letters, live):
    assert live_edges(arch_of(letters)) == live


def test_drawing_flags_dead_edges():
    drawing = nasbench201.drawing(arch_of("3s3n1n"))

    dead = {(edge.source, edge.target) for edge in drawing.edges if edge.is_dead}

    assert dead == {("0", "2"), ("1", "2"), ("0", "3"), ("2", "3")}
    assert [node.role for node in drawing.nodes] == ["input", "node", "node", "output"]


def test_drawing_says_when_nothing_flows():
    assert "not connected" in nasbench201.drawing((0,) * 6).caption


def test_edit_names_the_edges_that_change():
    edit = nasbench201.edit(arch_of("333s13"), arch_of("3n3s1p"))

    assert edit == "edge 0-2: conv 3x3 becomes none; edge 2-3: conv 3x3 becomes avg pool 3x3"


def test_edit_is_empty_between_equal_cells():
    assert nasbench201.edit((0,) * 6, (0,) * 6) == ""


def test_decisions_offer_every_operation_on_every_edge():
    names = [decision.name for decision in nasbench201.decisions]

    assert names == ["0-1", "0-2", "1-2", "0-3", "1-3", "2-3"]
    assert {decision.choices for decision in nasbench201.decisions} == {OPERATIONS}
