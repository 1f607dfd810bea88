import pytest

from search.spaces.elastic_tiny import elastic_tiny, stages_of


def test_there_are_as_many_networks_as_combinations():
    assert elastic_tiny.size == (4 * 3 * 3 * 2) ** 2 == 5_184


def test_text_names_both_stages():
    assert elastic_tiny.encode((1, 1, 1, 0, 3, 2, 2, 1)) == "w16d2k3e1-w32d3k5e2"
    assert stages_of((1, 1, 1, 0, 3, 2, 2, 1)) == [(16, 2, 3, 1), (32, 3, 5, 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("w16d2k3e1", "2 stages"),
        ("w16d2k3e1-w32d3k5", "stage 2: 'w32d3k5' is not of the form"),
        ("w16d2k3e1-w33d3k5e2", "stage 2 width: 33 is none of 8, 16, 24, 32"),
        ("w16d2k2e1-w32d3k5e2", "stage 1 kernel: 2 is none of 1, 3, 5"),
    ],
)
def test_wrong_text_is_refused_with_the_place(text, message):
    with pytest.raises(ValueError, match=message):
        elastic_tiny.decode(text)


def test_drawing_has_an_arrow_for_every_block():
    drawing = elastic_tiny.drawing((1, 1, 1, 0, 3, 2, 2, 1))

    assert [edge.source for edge in drawing.edges] == ["input", "1.1", "1.2", "2.1", "2.2"]
