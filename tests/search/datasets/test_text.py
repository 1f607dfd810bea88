import numpy as np
import pytest

from search.datasets import availability, datasets
from search.errors import DataError
from search.parameters import bind


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def write(folder, content, name="text.txt"):
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def reason(tmp_path, **params):
    with pytest.raises(DataError) as caught:
        datasets["text"](tmp_path, **params)
    return str(caught.value)


def spelled(images, x_CHW):
    """The stretch of an image, as text."""
    return "".join(images.info.class_names[code] for code in x_CHW[:, 0].argmax(axis=0))


def test_stretches_follow_one_another_and_the_next_symbol_is_the_label(tmp_path, folder):
    write(folder, "abcdefghij" * 10)
    images = datasets["text"](tmp_path, length=4)

    x_BCHW, y_B = images.arrays()

    assert [spelled(images, x) for x in x_BCHW[:3]] == ["abcd", "efgh", "ijab"]
    assert [images.info.class_names[y] for y in y_B[:3]] == ["e", "i", "c"]


def test_symbols_are_one_hot_columns(tmp_path, folder):
    write(folder, "ab" * 50)
    images = datasets["text"](tmp_path, length=3)

    x_BCHW, _ = images.arrays()

    assert images.info.shape == (2, 1, 3)
    assert x_BCHW.dtype == np.float32
    assert x_BCHW[0].tolist() == [[[1, 0, 1]], [[0, 1, 0]]]


def test_the_end_of_the_text_is_for_tests(tmp_path, folder):
    write(folder, "a" * 45 + "b" * 45 + "c" * 10)
    images = datasets["text"](tmp_path, length=4)

    x_BCHW, _ = images.arrays(is_test=True)

    assert [spelled(images, x) for x in x_BCHW] == ["cccc", "cccc"]
    assert (images.info.num_train, images.info.num_test) == (22, 2)


def test_digest_tells_texts_and_lengths_apart(tmp_path, folder):
    write(folder, "ab" * 50)
    write(folder, "ba" * 50, "other.txt")
    digests = {
        datasets["text"](tmp_path, **params).info.digest
        for params in ({"length": 3}, {"length": 4}, {"length": 4, "file": "other.txt"})
    }

    assert len(digests) == 3


def test_a_changed_file_is_read_again(tmp_path, folder):
    write(folder, "ab" * 300)
    before = datasets["text"](tmp_path).info
    write(folder, "abc" * 200)

    assert datasets["text"](tmp_path).info.num_classes == before.num_classes + 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"abc\xff", "is not UTF-8 text (byte 3)"),
        ("", "has 0 different symbols"),
        ("aaaa", "has 1 different symbols"),
        ("".join(map(chr, range(33, 400))), "has 367 different symbols"),
        ("abc", "is too short for stretches of 32 symbols"),
    ],
)
def test_what_cannot_be_used_says_why(tmp_path, folder, content, why):
    write(folder, content)

    assert why in reason(tmp_path)


def test_a_missing_file_says_where_to_put_it(tmp_path):
    assert str(tmp_path / "datasets" / "text.txt") in reason(tmp_path)


def test_links_that_lead_outside_are_refused(tmp_path, folder):
    (tmp_path / "secret.txt").write_text("ab" * 50)
    (folder / "text.txt").symlink_to(tmp_path / "secret.txt")

    assert "leads outside" in reason(tmp_path)


@pytest.mark.parametrize("file", ["../secret.txt", "/etc/passwd", "a/b.txt", "table.csv"])
def test_names_are_those_of_text_files_in_the_folder(file):
    with pytest.raises(ValueError, match="file"):
        bind(datasets["text"], {"file": file})


def test_files_in_the_folder_are_offered(tmp_path, folder):
    write(folder, "ab" * 300, "b.txt")
    write(folder, "ab" * 300, "a.txt")

    offered = availability(datasets["text"], tmp_path)

    assert offered.choices == {"file": ["a.txt", "b.txt"]}
    assert offered.info is not None
