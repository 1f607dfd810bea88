"""The elastic vision transformer's encodings."""

import pytest

from search.spaces.vit import blocks_of, vit

SMALLEST = (0,) * 14
LARGEST = (2, 4, *[2] * 12)


def test_there_are_so_many():
    assert vit.size == 3 * 5 * 9**6 == 7_971_615


def test_text_has_every_block():
    assert vit.encode(SMALLEST) == "w2d2-h2r1-h2r1-h2r1-h2r1-h2r1-h2r1"
    assert vit.encode(LARGEST) == "w4d6-h4r4-h4r4-h4r4-h4r4-h4r4-h4r4"


def test_blocks_are_those_within_the_depth():
    assert blocks_of((0, 0, 1, 2, 2, 0, *[2] * 8)) == [(3, 4), (4, 1)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("w2d2-h2r1", "6 blocks joined by"),
        ("w2-h2r1-h2r1-h2r1-h2r1-h2r1-h2r1", "'w2' is not of the form w3d4"),
        ("w9d2-h2r1-h2r1-h2r1-h2r1-h2r1-h2r1", "width: 9 is none of 2, 3, 4"),
        ("w2d2-h2r1-h2r3-h2r1-h2r1-h2r1-h2r1", "block 2 ratio: 3 is none of 1, 2, 4"),
        ("w2d2-h2r1-h2-h2r1-h2r1-h2r1-h2r1", "block 2 'h2' is not of the form h2r4"),
    ],
)
def test_what_cannot_be_read_is_named(text, reason):
    with pytest.raises(ValueError, match=reason):
        vit.decode(text)


def test_blocks_beyond_the_depth_do_not_matter_under_pruned():
    arch = (1, 0, 1, 1, 1, 1, 2, 2, *[0] * 6)

    assert vit.canonical(arch, "pruned") == (1, 0, 1, 1, 1, 1, *[0] * 8)
    assert len({vit.key(other, "pruned") for other in vit.neighbours(arch)}) == len(
        vit.neighbours(arch)
    )
    assert vit.key(arch, "pruned") not in {vit.key(o, "pruned") for o in vit.neighbours(arch)}


def test_the_drawing_shows_attention_and_mlp_of_every_block():
    drawing = vit.drawing((1, 0, 1, 2, 0, 0, *[2] * 8))

    assert drawing.caption == "width 3 heads, depth 2"
    assert [edge.label for edge in drawing.edges] == [
        "patches",
        "3 heads",
        "MLP, ratio 4",
        "2 heads",
        "MLP, ratio 1",
        "mean",
    ]
