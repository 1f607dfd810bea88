"""Images to train on, to choose by and to test on."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from search.supernets.steps import Labelled

NUM_TRAIN, NUM_VALIDATION, NUM_TEST = 1000, 397, 400  # all of the 1,797 digits
BATCH = 100  # of an evaluation


@dataclass(frozen=True)
class Sets:
    """Three parts, normalised by the first."""

    train: Labelled
    validation: Labelled
    test: Labelled

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image."""
        channels, height, width = self.train[0].shape[1:]
        return channels, height, width

    def calibration(self, count: int, size: int = 64) -> list[Tensor]:
        """Batches of training images; they are shuffled already."""
        return list(self.train[0][: count * size].split(size))


def batches(part: Labelled) -> list[Labelled]:
    """To evaluate on."""
    return list(zip(part[0].split(BATCH), part[1].split(BATCH), strict=True))


@cache
def digits() -> Sets:
    """Handwritten digits, 8 x 8, in one fixed order."""
    from sklearn.datasets import load_digits

    bundle = load_digits()
    order = np.random.default_rng(0).permutation(len(bundle.target))
    x = torch.from_numpy(bundle.images[order]).float()[:, None]
    return _divided(x, torch.from_numpy(bundle.target[order]).long())


@cache
def cifar10(folder: Path, num_train: int, num_test: int, size: int) -> Sets:
    """Some images of CIFAR-10, made smaller: training ones, and test ones to evaluate on.

    Args:
        folder: has cifar10_full_jpeg.npz.
        num_train: how many to train on.
        num_test: how many to evaluate on; validation and test part are the same here.
        size: height and width, which divides 32.
    """
    packed = np.load(folder / "cifar10_full_jpeg.npz")
    x, y = _jpegs(packed, "train", num_train, size)
    test_x, test_y = _jpegs(packed, "test", num_test, size)
    mean, deviation = x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True)
    test = (test_x - mean) / deviation, test_y
    return Sets(((x - mean) / deviation, y), test, test)


def _divided(x: Tensor, y: Tensor) -> Sets:
    counts = [NUM_TRAIN, NUM_VALIDATION, NUM_TEST]
    rest = len(y) - sum(counts)
    x = (x - x[:NUM_TRAIN].mean()) / x[:NUM_TRAIN].std()
    train, validation, test, _ = zip(
        x.split([*counts, rest]), y.split([*counts, rest]), strict=True
    )
    return Sets(train, validation, test)


def _jpegs(packed: "np.lib.npyio.NpzFile", part: str, count: int, size: int) -> Labelled:
    pixels = torch.from_numpy(np.stack(list(_decoded(packed, part, count))))
    x = pixels.permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(packed[f"{part}_labels"][:count].astype(np.int64))
    return torch.nn.functional.avg_pool2d(x, x.shape[-1] // size), labels


def _decoded(packed: "np.lib.npyio.NpzFile", part: str, count: int) -> Iterator[np.ndarray]:
    from PIL import Image

    jpeg, offsets = packed[f"{part}_jpeg"], packed[f"{part}_offsets"]
    for start, end in pairwise(offsets[: count + 1]):
        yield np.asarray(Image.open(io.BytesIO(jpeg[start:end].tobytes())))
