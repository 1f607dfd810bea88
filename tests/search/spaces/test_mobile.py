import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.spaces.mobile import DEPTHS, EQUIVALENCES, KERNELS, mobile, side, units_of

seeds = st.integers(0, 2**32 - 1)
archs = st.integers(0, mobile.size - 1).map(mobile.at)
equivalences = st.sampled_from(EQUIVALENCES)
SMALLEST = (0,) * 47
NAMES = [decision.name for decision in mobile.decisions]


def arch_of(**chosen):
    """The smallest arch, but for some choices: unit_1_depth=2 is the third depth of unit 1."""
    choices = {name.replace("_", " "): choice for name, choice in chosen.items()}
    return tuple(choices.get(name, 0) for name in NAMES)


def test_networks_of_a_resolution_and_width_are_as_many_as_published():
    # A unit has 9**2 + 9**3 + 9**4 different stacks of blocks.
    unit = {
        mobile.key((*SMALLEST[:2], *mobile.at(index)[-9:], *SMALLEST[11:]), "pruned")
        for index in range(3 * 9**4)
    }

    assert len(unit) == 7_371


def test_encodings_are_counted_with_all_four_blocks():
    assert mobile.size == 4 * 3 * (3 * 9**4) ** 5


@given(archs)
def test_number_and_text_lead_back_to_the_arch(arch):
    assert mobile.at(mobile.index(arch)) == arch
    assert mobile.decode(mobile.encode(arch)) == arch


@pytest.mark.parametrize("index", [-1, mobile.size])
def test_numbers_outside_the_space_are_refused(index):
    with pytest.raises(ValueError, match=f"index {index} is outside 0 to"):
        mobile.at(index)


def test_text_is_that_of_once_for_all():
    arch = arch_of(resolution=2, width=1, unit_1_depth=2, unit_2_block_1_kernel=1)

    assert json.loads(mobile.encode(arch)) == {
        "r": 192,
        "w": 1.0,
        "d": [4, 2, 2, 2, 2],
        "ks": [3, 3, 3, 3, 5, *[3] * 15],
        "e": [3] * 20,
    }


def text(**changed):
    fields = {"d": [2] * 5, "ks": [3] * 20, "e": [3] * 20, **changed}
    return json.dumps(fields)


def test_resolution_and_width_are_full_and_one_when_left_out():
    assert mobile.decode(text()) == arch_of(resolution=3, width=1)
    assert mobile.decode(text(w=1)) == arch_of(resolution=3, width=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{", "not valid JSON: .*line 1 column 2"),
        ("[1]", "an arch is a JSON object such as"),
        (text(k=1), "unknown field 'k'; known: r, w, d, ks, e"),
        (text(d=[2, 3]), "d must be a list of 5 numbers"),
        (text(ks="3"), "ks must be a list of 20 numbers"),
        (text(d=[2, 2, 5, 2, 2]), r"d\[2\]: 5 is none of 2, 3, 4"),
        (text(e=[3] * 19 + ["6"]), r"e\[19\]: '6' is none of 3, 4, 6"),
        (text(w=True), "w: True is none of 0.75, 1.0, 1.25"),
        (text(r=[192]), r"r: \[192\] is none of 128, 160, 192, 224"),
    ],
)
def test_wrong_text_is_refused_with_the_field(wrong, message):
    with pytest.raises(ValueError, match=message):
        mobile.decode(wrong)


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        (SMALLEST[1:], "an arch has 47 choices, not 46"),
        ((4, *SMALLEST[1:]), "resolution: choice 4 is outside 0 to 3"),
        ((*SMALLEST[1:], 3), "unit 5 block 4 expansion: choice 3 is outside 0 to 2"),
    ],
)
def test_invalid_choices_have_a_reason(choices, reason):
    assert mobile.invalid_reason(choices) == reason


@given(archs)
def test_every_combination_is_valid(arch):
    assert mobile.invalid_reason(arch) is None


def test_only_blocks_within_the_depth_are_there():
    arch = arch_of(unit_1_depth=1, unit_1_block_3_kernel=2, unit_1_block_4_kernel=2)

    units = units_of(arch)

    assert units[0] == [(3, 3), (3, 3), (7, 3)]
    assert [len(unit) for unit in units] == [3, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("resolution", "sides"), [(224, [128, 160, 192, 224]), (32, [18, 23, 27, 32])]
)
def test_side_is_the_share_of_the_full_resolution(resolution, sides):
    assert [side((choice, *SMALLEST[1:]), resolution) for choice in range(4)] == sides


@given(archs)
def test_neighbours_differ_in_one_choice_that_matters(arch):
    neighbours = mobile.neighbours(arch)

    own = mobile.key(arch, "pruned")
    distances = {sum(a != b for a, b in zip(arch, other, strict=True)) for other in neighbours}
    assert distances == {1}
    assert own not in {mobile.key(other, "pruned") for other in neighbours}
    num_blocks = sum(len(unit) for unit in units_of(arch))
    assert len(set(neighbours)) == 3 + 2 + 5 * 2 + num_blocks * 4


@given(archs, seeds)
def test_being_neighbours_is_mutual(arch, seed):
    mutant = mobile.mutate(arch, np.random.default_rng(seed))

    assert mutant in mobile.neighbours(arch)
    assert arch in mobile.neighbours(mutant)


@given(archs, archs, seeds)
def test_child_takes_each_choice_from_a_parent(first, second, seed):
    child = mobile.crossover(first, second, np.random.default_rng(seed))

    assert all(c in (a, b) for a, b, c in zip(first, second, child, strict=True))


def test_sampling_covers_every_choice_evenly():
    rng = np.random.default_rng(0)

    drawn_DN = np.array([mobile.sample(rng) for _ in range(2_000)]).T

    for decision, drawn_N in zip(mobile.decisions, drawn_DN, strict=True):
        share = len(drawn_N) / len(decision.choices)
        counts = np.bincount(drawn_N, minlength=len(decision.choices))
        assert abs(counts - share).max() < 5 * math.sqrt(share)


def test_choices_beyond_the_depth_do_not_matter():
    shallow = arch_of(unit_3_block_3_kernel=1, unit_3_block_4_expansion=2)
    deep = arch_of(unit_3_depth=1, unit_3_block_3_kernel=1, unit_3_block_4_expansion=2)

    assert mobile.canonical(shallow, "pruned") == SMALLEST
    assert mobile.canonical(deep, "pruned") == arch_of(unit_3_depth=1, unit_3_block_3_kernel=1)


@given(archs, equivalences)
def test_canonical_member_is_its_own_and_has_the_same_blocks(arch, equivalence):
    canonical = mobile.canonical(arch, equivalence)

    assert mobile.canonical(canonical, equivalence) == canonical
    assert units_of(canonical) == units_of(arch)


@given(archs, st.integers(0, 46), st.integers(0, 1), equivalences)
def test_keys_are_equal_exactly_when_canonical_members_are(arch, place, choice, equivalence):
    other = (*arch[:place], choice, *arch[place + 1 :])

    keys = {mobile.key(a, equivalence) for a in (arch, other)}
    members = {mobile.canonical(a, equivalence) for a in (arch, other)}

    assert len(keys) == len(members)


def test_unknown_equivalence_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="known: exact, pruned"):
        mobile.key(SMALLEST, "zero_aware")


def test_drawing_has_an_arrow_for_each_block():
    drawing = mobile.drawing(
        arch_of(resolution=2, width=2, unit_5_depth=1, unit_1_block_1_kernel=1)
    )

    assert len(drawing.edges) == 11
    assert [node.role for node in drawing.nodes] == ["input", *["node"] * 10, "output"]
    assert drawing.edges[0].label == "5x5, expansion 3"
    assert drawing.nodes[1].label == "1.1"
    assert drawing.caption == "resolution 192/224, width 1.25"


def test_edit_names_the_choices_that_change():
    other = arch_of(width=1, unit_2_depth=1, unit_2_block_3_kernel=2)

    assert mobile.edit(SMALLEST, other) == (
        "width: 0.75 becomes 1.0; unit 2 depth: 2 becomes 3; unit 2 block 3 kernel: 3 becomes 7"
    )
    assert mobile.edit(other, other) == ""


def test_decisions_are_of_their_kind():
    assert [d.kind for d in mobile.decisions[:5]] == [
        "resolution",
        "width",
        "depth",
        "kernel",
        "expansion",
    ]
    assert mobile.decisions[2].choices == tuple(map(str, DEPTHS))
    assert mobile.decisions[3].choices == tuple(map(str, KERNELS))
