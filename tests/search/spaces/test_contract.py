"""What every space keeps to."""

import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from search.spaces import spaces

SHAPE = (3, 8, 8)


@pytest.fixture(params=spaces)
def name(request):
    return request.param


@pytest.fixture
def space(name):
    return spaces[name]


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def samples(space, rng):
    return [space.sample(rng) for _ in range(8)]


def test_an_arch_is_a_tuple_of_choices_one_for_each_decision(space, samples):
    for arch in samples:
        assert type(arch) is tuple
        assert {type(choice) for choice in arch} == {int}
        assert all(c < len(d.choices) for c, d in zip(arch, space.decisions, strict=True))


def test_decisions_have_different_names(space):
    names = [decision.name for decision in space.decisions]

    assert len(set(names)) == len(names)


def test_samples_are_valid_and_repeat_under_a_seed(space, samples):
    rng = np.random.default_rng(3)

    assert {space.invalid_reason(arch) for arch in samples} == {None}
    assert [space.sample(rng) for _ in samples] == samples


def test_number_and_text_lead_back_to_the_arch(space, samples):
    ends = [space.at(0), space.at(space.size - 1)]

    for arch in (*samples, *ends):
        assert space.at(space.index(arch)) == arch
        assert space.decode(space.encode(arch)) == arch


@pytest.mark.parametrize("beyond", [-1, 0])
def test_numbers_outside_are_refused(space, beyond):
    index = space.size if beyond == 0 else beyond

    with pytest.raises(ValueError, match="outside"):
        space.at(index)


@pytest.mark.parametrize("text", ["", "nonsense", "{}", "[]", "(1, 2)", "\N{SNOWMAN}" * 3000])
def test_other_text_is_refused_in_a_short_message(space, text):
    with pytest.raises(ValueError, match=r"\w") as caught:
        space.decode(text)

    assert len(str(caught.value)) < 400


def test_too_few_choices_have_a_reason(space, samples):
    assert "not" in space.invalid_reason(samples[0][1:])
    assert space.invalid_reason((10_000, *samples[0][1:])) is not None


def test_neighbours_are_different_valid_archs(space, samples):
    for arch in samples[:2]:
        neighbours = space.neighbours(arch)

        assert arch not in neighbours
        assert len(set(neighbours)) == len(neighbours) > 0
        assert {space.invalid_reason(other) for other in neighbours} == {None}


def test_mutants_are_neighbours(space, samples, rng):
    for arch in samples[:3]:
        assert space.mutate(arch, rng) in space.neighbours(arch)


def test_children_of_equal_parents_are_equal_to_them(space, samples, rng):
    assert space.crossover(samples[0], samples[0], rng) == samples[0]
    assert space.invalid_reason(space.crossover(samples[0], samples[1], rng)) is None


def test_every_draw_repeats_under_a_seed(space, samples):
    first, second = samples[:2]
    draws = (
        partial(space.mutate, first),
        partial(space.crossover, first, second),
    )

    for draw in draws:
        assert draw(np.random.default_rng(5)) == draw(np.random.default_rng(5))


def test_exact_is_the_finest_equivalence_and_the_text_its_canonical_self(space, samples):
    assert space.equivalences[0] == "exact"
    for arch in samples:
        assert space.canonical(arch) == arch
    assert len({space.key(arch) for arch in samples}) == len(set(samples))


def test_canonical_members_are_their_own_and_share_the_key(space, samples):
    for equivalence in space.equivalences:
        for arch in samples:
            canonical = space.canonical(arch, equivalence)
            assert space.canonical(canonical, equivalence) == canonical
            assert space.key(canonical, equivalence) == space.key(arch, equivalence)
            assert space.invalid_reason(canonical) is None


def test_drawings_connect_nodes_that_are_there(space, samples):
    for arch in samples:
        drawing = space.drawing(arch)
        names = [node.name for node in drawing.nodes]
        assert len(set(names)) == len(names)
        assert {edge.source for edge in drawing.edges} <= set(names)
        assert {edge.target for edge in drawing.edges} <= set(names)
        assert {"input", "output"} <= {node.role for node in drawing.nodes}
        assert drawing.caption


def test_edits_are_told_in_words(space, samples):
    assert space.edit(samples[0], samples[0]) == ""
    assert {space.edit(samples[0], other) for other in space.neighbours(samples[0])[:5]} != {""}


def test_code_compiles_and_names_nothing_of_ours(space, samples):
    code = space.python_source(samples[0], shape=SHAPE, num_classes=4, params={})

    compile(code, "net.py", "exec")
    assert "from search" not in code


def test_spaces_do_not_load_torch():
    program = (
        "import sys, numpy as np; from search.spaces import spaces\n"
        "for s in spaces.values():\n"
        "    a = s.sample(np.random.default_rng(0)); s.drawing(a); s.key(a, s.equivalences[-1])\n"
        "print('torch' in sys.modules)"
    )

    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert output.strip() == "False"
