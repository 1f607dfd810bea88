"""Training examples as a data set has them: bytes, made into numbers batch by batch.

Shapes: B images, C channels, H height, W width.
"""

import numpy as np
from torch import Tensor

from search.standalone.examples import Pixels, cropped, flipped
from search.supernets.examples import Places


class StoredExamples:
    """Some images of a part; they may be moved and mirrored.

    Args:
        pixels: of the part.
        places: of those that are trained on.
        crop_padding: images get so many black pixels on each side and are cropped anywhere.
        flip: half of the images are mirrored.
    """

    def __init__(self, pixels: Pixels, places: Places, *, crop_padding: int, flip: bool) -> None:
        self._pixels, self._places = pixels, places
        self._crop_padding, self._flip = crop_padding, flip

    def __len__(self) -> int:
        return len(self._places)

    def batch(self, places: Places, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Images, B x C x H x W, and labels."""
        chosen = self._places[places]
        raw_BCHW = self._pixels.raw(chosen)
        if self._crop_padding:
            raw_BCHW = cropped(raw_BCHW, self._crop_padding, rng)
        if self._flip:
            raw_BCHW = flipped(raw_BCHW, rng)
        return self._pixels.normalised(raw_BCHW), self._pixels.labels(chosen)
