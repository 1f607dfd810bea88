"""Data sets: images with labels, in a fixed split. No torch here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from search.errors import DataError, NotApplicableError
from search.registry import Registry

Pixels = NDArray[np.uint8]  # N, H, W, C
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class DatasetInfo:
    """What a data set is like, without its images.

    Attributes:
        shape: channels, height and width of every image.
        digest: hash of the content and the split; equal exactly for equal images.
        content: what the images are: pictures, or stretches of a text.
    """

    shape: tuple[int, int, int]
    num_classes: int
    num_train: int
    num_test: int
    digest: str
    class_names: tuple[str, ...] = ()
    content: Literal["images", "text"] = "images"


@dataclass(frozen=True)
class Part:
    """The training or the test images: labels at hand, pixels when asked for.

    Attributes:
        labels: class of each image, from 0.
        pixels: reads the images at these places, as N x H x W x C bytes.
    """

    labels: Labels
    pixels: Callable[[NDArray[np.int64]], Pixels]


@dataclass(frozen=True)
class Images:
    """An opened data set.

    Attributes:
        mean: of each channel, on a scale from 0 to 1; subtracted when images are read.
        deviation: of each channel; divided by.
    """

    info: DatasetInfo
    train: Part
    test: Part
    mean: Sequence[float]
    deviation: Sequence[float]

    def batch(self, size: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], Labels]:
        """Different training images drawn at random: normalised B x C x H x W, and labels.

        Raises:
            DataError: the training part is smaller, or an image does not decode.
        """
        if size > self.info.num_train:
            raise DataError(
                f"a batch of {size} images was asked for, but there are only "
                f"{self.info.num_train} training images: choose a smaller batch_size"
            )
        return self._read(self.train, self._drawn(size, rng))

    def further_batch(
        self, place: int, size: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], Labels]:
        """As :meth:`batch`, of images that are neither in it nor in another further batch.

        Args:
            place: which of them, from 1.
            size: as many images as in the first.
            rng: seeded as for the first.

        Raises:
            NotApplicableError: there are not so many images.
            DataError: an image does not decode.
        """
        if (place + 1) * size > self.info.num_train:
            raise NotApplicableError(
                f"{place + 1} batches of {size} different images were asked for, but there are "
                f"only {self.info.num_train} training images"
            )
        rest = np.setdiff1d(np.arange(self.info.num_train), self._drawn(size, rng))
        return self._read(self.train, rng.permutation(rest)[(place - 1) * size : place * size])

    def _drawn(self, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
        drawn = rng.choice(self.info.num_train, size=size, replace=False)
        return np.asarray(drawn, dtype=np.int64)

    def arrays(self, *, is_test: bool = False) -> tuple[NDArray[np.float32], Labels]:
        """All training or all test images, normalised, and their labels.

        Raises:
            DataError: an image does not decode.
        """
        part = self.test if is_test else self.train
        return self._read(part, np.arange(len(part.labels)))

    def _read(self, part: Part, places: NDArray[np.int64]) -> tuple[NDArray[np.float32], Labels]:
        scaled_NHWC = part.pixels(places).astype(np.float32) / 255
        mean = np.asarray(self.mean, dtype=np.float32)
        deviation = np.asarray(self.deviation, dtype=np.float32)
        x_NHWC = (scaled_NHWC - mean) / deviation
        return np.ascontiguousarray(x_NHWC.transpose(0, 3, 1, 2)), part.labels[places]


class Dataset(Protocol):
    """Opens a data set that lies in the data folder, or comes with a library.

    Reads nothing outside *data_dir*. A plug-in with the attribute ``choices`` lists what its
    text parameters can be there: ``choices(data_dir)`` gives the values by parameter.
    """

    def __call__(self, data_dir: Path, /, *_: Any, **params: Any) -> Images:  # noqa: ANN401
        """Check that everything is there, and open it.

        Raises:
            DataError: a file is missing or broken; the message names it and says what to do.
        """


datasets: Registry[Dataset] = Registry(__name__)


@dataclass(frozen=True)
class Availability:
    """Whether a data set can be used here, and if not, why."""

    info: DatasetInfo | None
    reason: str = ""
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)


def availability(dataset: Dataset, data_dir: Path) -> Availability:
    """Open *dataset* with its default parameters, or with the first choices there are."""
    choices = getattr(dataset, "choices", _no_choices)(data_dir)
    params = {name: values[0] for name, values in choices.items() if values}
    try:
        return Availability(dataset(data_dir, **params).info, "", choices)
    except DataError as error:
        return Availability(None, str(error), choices)


def _no_choices(_data_dir: Path) -> dict[str, list[str]]:
    return {}
