"""Examples for training: a fixed split, batches in a random order, moved and mirrored images.

Shapes: N examples, B of a batch, C channels, H height, W width.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from search.datasets import Images, Part
from search.errors import DataError
from search.holding_out import FEWEST, num_held_out
from search.seeds import seed_of

MAX_HELD_BYTES = 1 << 29  # of pixels; a larger part is read again for every batch
PIECE = 512  # images that are read at a time

Places = NDArray[np.int64]


class Labelled(NamedTuple):
    """Images and their classes."""

    x_BCHW: Tensor
    y_B: Tensor


@dataclass(frozen=True)
class Split:
    """Places in the training part: to train on, and held out for choices."""

    train: Places
    validation: Places


def split(images: Images, *, validation_share: float, train_size: int = 0) -> Split:
    """Hold some training examples out; the same ones for every architecture and seed.

    Raises:
        DataError: too few are left to train on.
    """
    num = images.info.num_train
    order = np.random.default_rng(seed_of("validation", images.info.digest)).permutation(num)
    num_held = num_held_out(num, validation_share)
    chosen = order[num_held : num_held + train_size if train_size else None]
    if len(chosen) < FEWEST:
        raise DataError(
            f"{num} training examples are too few to hold {num_held} of them out for validation"
        )
    return Split(chosen.astype(np.int64), order[:num_held].astype(np.int64))


def rest_of(images: Images, held_out: Places, *, train_size: int = 0) -> Split:
    """Train on what is not held out, in the order of :func:`split`.

    Args:
        images: whose training part is split.
        held_out: places that somebody else has chosen.
        train_size: so many at most; 0 is all.

    Raises:
        DataError: too few are left to train on.
    """
    num = images.info.num_train
    order = np.random.default_rng(seed_of("validation", images.info.digest)).permutation(num)
    rest = order[~np.isin(order, held_out)]
    chosen = rest[: train_size or None]
    if len(chosen) < 2:
        raise DataError(f"{num} training examples are too few to hold {len(held_out)} of them out")
    return Split(chosen.astype(np.int64), held_out.astype(np.int64))


class Pixels:
    """The images of one part as normalised tensors on a device.

    As bytes they are a quarter of what they would be as floats, so that most data sets can be
    held in memory; reading them comes in pieces, so that whoever waits can be told.
    """

    def __init__(self, images: Images, part: Part, device: torch.device) -> None:
        self._part = part
        self._device = device
        channels = images.info.shape[0]
        self._mean_C11 = _per_channel(images.mean, channels, device)
        self._deviation_C11 = _per_channel(images.deviation, channels, device)
        self._labels_N = torch.from_numpy(np.ascontiguousarray(part.labels))
        self._held_NCHW: Tensor | None = None
        self._fits = int(np.prod(images.info.shape)) * len(part.labels) <= MAX_HELD_BYTES

    def hold(self) -> Iterator[None]:
        """Read everything, piece by piece, if it is not too much."""
        if self._held_NCHW is not None or not self._fits:
            return
        pieces = []
        for start in range(0, len(self._part.labels), PIECE):
            places = np.arange(start, min(start + PIECE, len(self._part.labels)))
            pieces.append(self._bytes(places))
            yield
        self._held_NCHW = torch.cat(pieces)

    def raw(self, places: Places) -> Tensor:
        """The images at these places, as bytes on the device."""
        if self._held_NCHW is not None:
            return self._held_NCHW[torch.from_numpy(places).to(self._device)]
        return self._bytes(places)

    def labels(self, places: Places) -> Tensor:
        """Their classes, on the device."""
        return self._labels_N[torch.from_numpy(places)].to(self._device)

    def normalised(self, raw_BCHW: Tensor) -> Tensor:
        """As floats, with mean 0 and deviation 1 over the training part."""
        return (raw_BCHW.float() / 255 - self._mean_C11) / self._deviation_C11

    def at(self, places: Places) -> Labelled:
        """Images and labels as networks read them."""
        return Labelled(self.normalised(self.raw(places)), self.labels(places))

    def _bytes(self, places: Places) -> Tensor:
        pixels_BHWC = self._part.pixels(places)
        raw_BCHW = np.ascontiguousarray(pixels_BHWC.transpose(0, 3, 1, 2))
        return torch.from_numpy(raw_BCHW).to(self._device)


def batches(places: Places, size: int, rng: np.random.Generator | None = None) -> list[Places]:
    """All places in pieces of this size; in a random order when there is a generator.

    The last piece may be smaller. Of one place it is left out when the order is random: batch
    norm cannot train on a single value, and the next epoch's order is another.
    """
    order = places if rng is None else rng.permutation(places)
    pieces = [order[start : start + size] for start in range(0, len(order), size)]
    if rng is not None and len(pieces[-1]) == 1:
        pieces.pop()
    return pieces


def cropped(raw_BCHW: Tensor, padding: int, rng: np.random.Generator) -> Tensor:
    """Every image with a black border of *padding* pixels, cropped to its size anywhere."""
    num, _, height, width = raw_BCHW.shape
    padded_BCHW = F.pad(raw_BCHW, [padding] * 4)
    device = raw_BCHW.device
    offsets_2B = torch.from_numpy(rng.integers(0, 2 * padding + 1, size=(2, num))).to(device)
    rows_BH = offsets_2B[0, :, None] + torch.arange(height, device=device)
    columns_BW = offsets_2B[1, :, None] + torch.arange(width, device=device)
    images_B = torch.arange(num, device=device)[:, None, None]
    picked_BHWC = padded_BCHW.permute(0, 2, 3, 1)[
        images_B, rows_BH[:, :, None], columns_BW[:, None, :]
    ]
    return picked_BHWC.permute(0, 3, 1, 2)


def flipped(raw_BCHW: Tensor, rng: np.random.Generator) -> Tensor:
    """Half of the images, each with probability one half, mirrored left for right."""
    is_mirrored_B = torch.from_numpy(rng.random(len(raw_BCHW)) < 0.5).to(raw_BCHW.device)
    return torch.where(is_mirrored_B[:, None, None, None], raw_BCHW.flip(3), raw_BCHW)


def _per_channel(values: object, channels: int, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device).view(channels, 1, 1)
