"""Numbers as charts take them: four bytes each, where nothing is lost by it."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Drawn = NDArray[np.float32] | NDArray[np.float64]

_FOUR_BYTES = np.finfo(np.float32)


def drawn(values: ArrayLike) -> Drawn:
    """As float32; as float64 where a number is too large for that, or would become 0.

    Synflow of a NAS-Bench-201 network of the usual size comes to 10^49, which is to be seen.
    """
    values = np.asarray(values, np.float64)
    size = np.abs(values[np.isfinite(values) & (values != 0)])
    fits = not len(size) or (size.min() >= _FOUR_BYTES.tiny and size.max() <= _FOUR_BYTES.max)
    return values.astype(np.float32) if fits else values


def thinned(num: int, at_most: int) -> NDArray[np.intp]:
    """Places that stand for *num*: the first, the last, and evenly between."""
    return np.unique(np.linspace(0, max(num - 1, 0), min(num, at_most)).astype(np.intp))
