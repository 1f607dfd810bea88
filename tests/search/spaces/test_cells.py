import pytest

from search.spaces import spaces


@pytest.mark.parametrize(("name", "size"), [("cell_27", 27), ("cell_64", 64)])
def test_every_cell_has_a_number_and_a_text_of_its_own(name, size):
    space = spaces[name]
    archs = [space.at(number) for number in range(space.size)]

    assert space.size == len({space.encode(arch) for arch in archs}) == size
    assert [space.decode(space.encode(arch)) for arch in archs] == archs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("|conv_3x3~0|", r"a cell is \|operation~0\|"),
        ("|conv_3x3~0|+|conv_3x3~0|conv_9x9~1|", "edge 1-2: unknown operation 'conv_9x9'"),
        ("|conv_3x3~0|+|conv_3x3~1|conv_3x3~1|", "edge 0-2: must come from node 0, not '1'"),
        ("|conv_3x3|+|conv_3x3~0|conv_3x3~1|", "edge 0-1: 'conv_3x3' is not of the form"),
    ],
)
def test_wrong_text_is_refused_with_the_edge(text, message):
    with pytest.raises(ValueError, match=message):
        spaces["cell_27"].decode(text)


def test_neighbours_differ_on_one_edge():
    space = spaces["cell_64"]

    distances = {
        sum(a != b for a, b in zip((0, 1, 2), other, strict=True))
        for other in space.neighbours((0, 1, 2))
    }

    assert distances == {1}
    assert len(space.neighbours((0, 1, 2))) == 9


def test_the_output_of_a_cell_is_drawn_as_both_nodes():
    drawing = spaces["cell_27"].drawing((0, 1, 2))

    assert [(e.source, e.target) for e in drawing.edges[3:]] == [("1", "out"), ("2", "out")]
