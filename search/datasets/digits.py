"""Handwritten digits that come with scikit-learn (Alpaydin and Kaynak, 1998): 1,797 of 8 x 8."""

from functools import cache
from pathlib import Path

import numpy as np

from search.datasets import DatasetInfo, Images, Labels, Part, Pixels, datasets
from search.datasets._digest import digest_of

NUM_TEST = 360
SPLIT_SEED = 0


@datasets.register
def digits(data_dir: Path, /) -> Images:  # needs no file
    """Handwritten digits, 8 x 8 grey, 10 classes; real images, nothing to download."""
    return _opened()


@cache
def _opened() -> Images:
    pixels_NHWC, labels_N = _shuffled()
    train, test = slice(NUM_TEST, None), slice(0, NUM_TEST)
    scaled = pixels_NHWC[train] / 255.0
    return Images(
        DatasetInfo(
            shape=(1, 8, 8),
            num_classes=10,
            num_train=len(labels_N) - NUM_TEST,
            num_test=NUM_TEST,
            digest=digest_of([pixels_NHWC.tobytes(), labels_N.tobytes()]),
            class_names=tuple("0123456789"),
        ),
        train=Part(labels_N[train], lambda places: pixels_NHWC[train][places]),
        test=Part(labels_N[test], lambda places: pixels_NHWC[test][places]),
        mean=[float(scaled.mean())],
        deviation=[float(scaled.std())],
    )


def _shuffled() -> tuple[Pixels, Labels]:
    from sklearn.datasets import load_digits  # takes a second to import

    bundle = load_digits()
    order = np.random.default_rng(SPLIT_SEED).permutation(len(bundle.target))
    grey = np.rint(bundle.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]  # 16 levels
    return grey[order], bundle.target.astype(np.int64)[order]
