import numpy as np
import pytest
import torch

from search.errors import DataError
from search.standalone import examples
from search.standalone.examples import Pixels, batches, cropped, flipped, split
from tests.search.standalone.making import images

CPU = torch.device("cpu")


def test_what_is_held_out_is_not_trained_on():
    made = split(images(70), validation_share=0.2)

    assert (len(made.train), len(made.validation)) == (56, 14)
    assert sorted([*made.train, *made.validation]) == list(range(70))


def test_fewer_training_examples_leave_what_is_held_out_as_it_is():
    whole = split(images(70), validation_share=0.2)
    less = split(images(70), validation_share=0.2, train_size=10)

    assert less.validation.tolist() == whole.validation.tolist()
    assert less.train.tolist() == whole.train[:10].tolist()


def test_the_split_is_that_of_the_data():
    first, second = (split(images(70, digest=d), validation_share=0.2) for d in "de")

    assert first.validation.tolist() != second.validation.tolist()


def test_too_little_data_is_told():
    with pytest.raises(DataError, match="2 training examples are too few"):
        split(images(2), validation_share=0.5)


def test_every_example_comes_once_in_an_epoch():
    pieces = batches(np.arange(21), 8, np.random.default_rng(0))

    assert [len(piece) for piece in pieces] == [8, 8, 5]
    assert sorted(np.concatenate(pieces)) == list(range(21))


def test_a_single_last_example_is_left_out_of_training_alone():
    rng = np.random.default_rng(0)

    assert [len(piece) for piece in batches(np.arange(17), 8, rng)] == [8, 8]
    assert [len(piece) for piece in batches(np.arange(17), 8)] == [8, 8, 1]


@pytest.mark.parametrize("held_bytes", [0, 1 << 20])
def test_images_are_normalised_whether_they_are_held_or_read(held_bytes, monkeypatch):
    monkeypatch.setattr(examples, "MAX_HELD_BYTES", held_bytes)
    data = images(20)
    pixels = Pixels(data, data.train, CPU)
    list(pixels.hold())

    x_BCHW, y_B = pixels.at(np.array([5, 2]))

    expected_NCHW, labels_N = data.arrays()
    torch.testing.assert_close(x_BCHW, torch.from_numpy(expected_NCHW[[5, 2]]))
    assert y_B.tolist() == labels_N[[5, 2]].tolist()


def test_crops_move_images_and_fill_up_with_black():
    image_1CHW = torch.arange(1, 10, dtype=torch.uint8).view(1, 1, 3, 3)
    many_BCHW = image_1CHW.expand(200, 1, 3, 3)

    moved_BCHW = cropped(many_BCHW, 1, np.random.default_rng(0))

    corner = torch.tensor([[0, 0, 0], [0, 1, 2], [0, 4, 5]], dtype=torch.uint8)
    different = {tuple(image.flatten().tolist()) for image in moved_BCHW}
    assert len(different) == 9
    assert tuple(corner.flatten().tolist()) in different
    assert tuple(image_1CHW.flatten().tolist()) in different


def test_about_half_of_the_images_are_mirrored():
    image_1CHW = torch.arange(6, dtype=torch.uint8).view(1, 1, 2, 3)

    made_BCHW = flipped(image_1CHW.expand(400, 1, 2, 3), np.random.default_rng(0))

    is_mirrored_B = (made_BCHW == image_1CHW.flip(3)).all(dim=(1, 2, 3))
    is_same_B = (made_BCHW == image_1CHW).all(dim=(1, 2, 3))
    assert bool((is_mirrored_B ^ is_same_B).all())
    assert 150 < int(is_mirrored_B.sum()) < 250
