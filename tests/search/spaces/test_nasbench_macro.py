import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.spaces.nasbench_macro import EQUIVALENCES, nasbench_macro

TABLE = Path(__file__).parents[4] / "shared" / "data" / "nasbench_macro_cifar10.csv.gz"
ALL_ARCHS = [nasbench_macro.at(number) for number in range(nasbench_macro.size)]

archs = st.tuples(*[st.integers(0, 2)] * 8)
equivalences = st.sampled_from(EQUIVALENCES)


def arch_of(digits):
    return tuple(map(int, digits))


@pytest.mark.skipif(not TABLE.exists(), reason=f"the published table {TABLE.name} is absent")
def test_networks_are_numbered_as_in_the_published_table():
    with gzip.open(TABLE, "rt") as file:
        published = [row["arch"] for row in csv.DictReader(file)]

    assert [nasbench_macro.encode(arch) for arch in ALL_ARCHS] == published


@given(archs)
def test_number_and_text_lead_back_to_the_network(arch):
    assert nasbench_macro.at(nasbench_macro.index(arch)) == arch
    assert nasbench_macro.decode(nasbench_macro.encode(arch)) == arch


@pytest.mark.parametrize("index", [-1, 6561])
def test_numbers_outside_the_space_are_refused(index):
    with pytest.raises(ValueError, match=f"index {index} is outside 0 to 6560"):
        nasbench_macro.at(index)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1222122", "8 digits, not 7; zeros at the front count"),
        ("222122201", "8 digits, not 9: '222122201'"),
        ("22232220", "digit 4: '3' is not 0, 1 or 2"),
        ("2221222\N{SUPERSCRIPT TWO}", "digit 8"),
    ],
)
def test_wrong_text_is_refused_with_the_place(text, message):
    with pytest.raises(ValueError, match=message):
        nasbench_macro.decode(text)


@pytest.mark.parametrize(("equivalence", "num_classes"), [("exact", 6_561), ("skip_aware", 3_969)])
def test_classes_are_as_many_as_counted_by_hand(equivalence, num_classes):
    # After the first layer of a stage, 1 + 2 + 4 sequences of up to two bottlenecks are left of 9.
    keys = {nasbench_macro.key(arch, equivalence) for arch in ALL_ARCHS}

    assert len(keys) == num_classes


@pytest.mark.parametrize(
    ("digits", "canonical"),
    [
        ("22212220", "22212202"),
        ("11210120", "11201102"),
        ("00100100", "00100100"),
        ("10010010", "10001001"),
    ],
)
def test_identities_come_first_in_the_canonical_member(digits, canonical):
    assert nasbench_macro.canonical(arch_of(digits), "skip_aware") == arch_of(canonical)


@given(archs, equivalences)
def test_canonical_member_is_its_own(arch, equivalence):
    canonical = nasbench_macro.canonical(arch, equivalence)

    assert nasbench_macro.canonical(canonical, equivalence) == canonical


@given(archs, archs, equivalences)
def test_keys_are_equal_exactly_when_canonical_members_are(first, second, equivalence):
    keys = {nasbench_macro.key(arch, equivalence) for arch in (first, second)}
    members = {nasbench_macro.canonical(arch, equivalence) for arch in (first, second)}

    assert len(keys) == len(members)


@given(archs, equivalences)
def test_canonical_member_is_the_first_of_its_class(arch, equivalence):
    assert nasbench_macro.canonical(arch, equivalence) <= arch


def test_unknown_equivalence_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="known: exact, skip_aware"):
        nasbench_macro.key((0,) * 8, "zero_aware")


@given(archs)
def test_neighbours_differ_in_one_layer(arch):
    neighbours = nasbench_macro.neighbours(arch)

    distances = {sum(a != b for a, b in zip(arch, other, strict=True)) for other in neighbours}
    assert distances == {1}
    assert len(set(neighbours)) == 16


@given(archs, st.integers(0, 2**32 - 1))
def test_mutation_is_a_neighbour(arch, seed):
    mutant = nasbench_macro.mutate(arch, np.random.default_rng(seed))

    assert mutant in nasbench_macro.neighbours(arch)


def test_mutation_reaches_every_neighbour():
    rng = np.random.default_rng(0)

    mutants = {nasbench_macro.mutate((0, 1, 2) * 2 + (0, 1), rng) for _ in range(400)}

    assert mutants == set(nasbench_macro.neighbours((0, 1, 2) * 2 + (0, 1)))


@given(archs, archs, st.integers(0, 2**32 - 1))
def test_child_takes_each_layer_from_a_parent(first, second, seed):
    child = nasbench_macro.crossover(first, second, np.random.default_rng(seed))

    assert all(c in (a, b) for a, b, c in zip(first, second, child, strict=True))


def test_sampling_covers_every_operation_in_every_layer_evenly():
    rng = np.random.default_rng(0)

    counts = np.apply_along_axis(np.bincount, 0, [nasbench_macro.sample(rng) for _ in range(3000)])

    assert counts.shape == (3, 8)
    assert counts.min() > 900
    assert counts.max() < 1_100


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ((0,) * 7, "an arch has 8 choices, not 7"),
        ((0, 3, 0, 0, 0, 0, 0, 0), "stage 1 layer 2: choice 3 is outside 0 to 2"),
        ((0, 0, 0, 0, 0, 0, 0, -1), "stage 3 layer 3: choice -1 is outside 0 to 2"),
        ((0, 0, 1.0, 0, 0, 0, 0, 0), "stage 2 layer 1: 1.0 is not a whole number"),
        ((True, 0, 0, 0, 0, 0, 0, 0), "stage 1 layer 1: True is not a whole number"),
    ],
)
def test_invalid_choices_have_a_reason(choices, reason):
    assert nasbench_macro.invalid_reason(choices) == reason


@given(archs)
def test_every_combination_is_valid(arch):
    assert nasbench_macro.invalid_reason(arch) is None


def test_drawing_is_a_chain_that_shows_where_identities_are_convolutions():
    drawing = nasbench_macro.drawing(arch_of("00120000"))

    assert [node.role for node in drawing.nodes] == ["input", *["node"] * 7, "output"]
    assert [edge.label for edge in drawing.edges[:4]] == [
        "conv 1x1, stride 2",
        "identity",
        "MBConv 3x3, expansion 3, stride 2",
        "MBConv 5x5, expansion 6",
    ]
    assert drawing.caption == "network 00120000"


def test_edit_names_the_layers_that_change():
    edit = nasbench_macro.edit(arch_of("00120000"), arch_of("10120002"))

    assert edit == (
        "stage 1 layer 1: identity becomes mb3_k3; stage 3 layer 3: identity becomes mb6_k5"
    )
    assert nasbench_macro.edit((0,) * 8, (0,) * 8) == ""
