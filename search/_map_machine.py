"""A small compiled machine that runs a list of steps on maps; see search.collapse.

A map is what one channel of a layer holds for a whole batch: one flat float32 array with the
images innermost, so that a pass over a row of pixels is a pass over contiguous memory. Letters:
S steps, H rows of pixels, W pixels in a row, B images, R = W * B numbers in a row of a map,
M = H * R numbers in a map. Nothing here may be compiled with relaxed floating point: whether a
score is defined hangs on what underflows.

One step is one pass over one or two maps, and one function holds them all: the compiler then
works on each loop once.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

EPS = 1e-5  # of every batch norm
NUM_REGISTERS = 8

Maps = NDArray[np.float32]
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Do(IntEnum):
    """What a step does. A register holds gain and shift; register 0 keeps 1 and 0."""

    SUM_3X3 = 0  # target = sums over 3 x 3 pixels of relu(source)
    MEAN_3X3 = 1  # target = means over 3 x 3 pixels of source; pixels outside do not count
    MEAN_2X2 = 2  # target = means over 2 x 2 pixels of source, a quarter of the size
    EVERY_2ND = 3  # target = every second pixel of every second row of source
    NORM = 4  # register = batch norm of number * w * source, or of source if number is 0
    NORM_RELU = 5  # the same of relu(source)
    SCALE = 6  # register = number * w, without norm
    SET = 7  # target = number * register(source)
    SET_RELU = 8  # target = number * register(relu(source))
    ADD = 9  # target += number * register(source)
    ADD_RELU = 10  # target += number * register(relu(source))
    SWAP = 11  # exchange target and source
    STOP_AT_ZERO = 12  # if source is zero everywhere, all images get 0, and that is the end
    MEAN = 13  # images get number * w * mean over the pixels of relu(register(source))


class Step(NamedTuple):
    """One row of the machine's input; *halvings* of height and width say how big maps are."""

    do: int
    halvings: int = 0
    target: int = 0
    source: int = 0
    register: int = 0
    number: int = 1


def _compiled(function: _Function) -> _Function:
    """Compile on the first call; keep the result on disk where numba finds a writable place."""
    try:
        compiled = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # no such place
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return cast("_Function", compiled)


@_compiled
def norm(
    y_M: Maps, low: np.float32, row: int, scale: float, gamma: float
) -> tuple[np.float32, np.float32]:
    """Batch norm of ``scale * max(low, y)``, as gain and shift of ``max(low, y)``.

    Squares too big for float32 give a gain of 0, as in PyTorch.
    """
    sum_R, squares_R = np.zeros(row, np.float32), np.zeros(row, np.float32)
    for start in range(0, len(y_M), row):
        y_R = y_M[start : start + row]
        for r in range(row):
            value = low if y_R[r] <= low else y_R[r]
            sum_R[r] += value
            squares_R[r] += value * value
    total, squares = 0.0, 0.0
    for r in range(row):
        total += sum_R[r]
        squares += squares_R[r]
    mean = total / len(y_M)
    variance = max(squares / len(y_M) - mean * mean, 0.0) * scale * scale
    gain = scale * gamma / np.sqrt(variance + EPS)
    return np.float32(gain), np.float32(-mean * gain)


@_compiled
def _sum_rows(x_M: Maps, i: int, row: int, low: np.float32, sum_R: Maps) -> int:
    """Add up row *i* of ``max(low, x)`` and the rows next to it; how many these are."""
    first, end = max(i - 1, 0), min(i + 2, len(x_M) // row)
    x1_R, x2_R, x3_R = x_M[first * row :], x_M[(first + 1) * row :], x_M[(first + 2) * row :]
    if end - first == 3:
        for r in range(row):
            x1, x2 = low if x1_R[r] <= low else x1_R[r], low if x2_R[r] <= low else x2_R[r]
            sum_R[r] = x1 + x2 + (low if x3_R[r] <= low else x3_R[r])
    elif end - first == 2:
        for r in range(row):
            x1, x2 = low if x1_R[r] <= low else x1_R[r], low if x2_R[r] <= low else x2_R[r]
            sum_R[r] = x1 + x2
    else:
        for r in range(row):
            sum_R[r] = low if x1_R[r] <= low else x1_R[r]
    return end - first


@_compiled
def _box(x_M: Maps, y_M: Maps, low: np.float32, row: int, num_images: int) -> None:
    """Sums over 3 x 3 pixels of ``max(low, x)``; means if nothing is cut off."""
    padded = np.zeros(row + 2 * num_images, np.float32)
    sum_R, right_R = padded[num_images : num_images + row], padded[2 * num_images :]
    is_mean = low < 0
    share_R = np.ones(row, np.float32)
    if is_mean:
        for r in range(row):
            share_R[r] = 1 / (3 - int(r < num_images) - int(r >= row - num_images))
    for i in range(len(x_M) // row):
        num_rows = _sum_rows(x_M, i, row, low, sum_R)
        share = np.float32(1 / num_rows) if is_mean else np.float32(1)
        y_R = y_M[i * row : (i + 1) * row]
        for r in range(row):
            y_R[r] = (padded[r] + sum_R[r] + right_R[r]) * (share_R[r] * share)


@_compiled
def _halve(x_M: Maps, y_M: Maps, row: int, num_images: int, is_mean: bool) -> None:
    """Every second pixel of every second row, or the means over 2 x 2 pixels."""
    quarter = np.float32(0.25)
    for i in range(len(x_M) // row // 2):
        for j in range(row // num_images // 2):
            corner = 2 * (i * row + j * num_images)
            x_2B = x_M[corner : corner + 2 * num_images]
            below_2B = x_M[corner + row : corner + row + 2 * num_images]
            start = i * (row // 2) + j * num_images
            for b in range(num_images):
                if is_mean:
                    top, bottom = (
                        x_2B[b] + x_2B[num_images + b],
                        below_2B[b] + below_2B[num_images + b],
                    )
                    y_M[start + b] = (top + bottom) * quarter
                else:
                    y_M[start + b] = x_2B[b]


@_compiled
def _mean(x_M: Maps, gain: np.float32, shift: np.float32, factor: np.float32, out_B: Maps) -> None:
    """Mean over the pixels of ``relu(gain * x + shift)``, times *factor*."""
    num_images = len(out_B)
    out_B[:] = 0
    for start in range(0, len(x_M), num_images):
        x_B = x_M[start : start + num_images]
        for b in range(num_images):
            value = gain * x_B[b] + shift
            out_B[b] += np.float32(0) if value <= 0 else value
    for b in range(num_images):
        out_B[b] = out_B[b] / np.float32(len(x_M) // num_images) * factor


@_compiled
def _put(
    x_M: Maps, y_M: Maps, low: np.float32, gain: np.float32, shift: np.float32, is_added: bool
) -> None:
    """``y = gain * max(low, x) + shift``, or added to what is there."""
    if is_added:
        for m in range(len(x_M)):
            y_M[m] += gain * (low if x_M[m] <= low else x_M[m]) + shift
    else:
        for m in range(len(x_M)):
            y_M[m] = gain * (low if x_M[m] <= low else x_M[m]) + shift


@_compiled
def run(steps_S6: NDArray[np.int64], row: int, w: float, maps: Maps, out_B: Maps) -> None:  # noqa: C901
    """Run the steps; map 0 holds the input, *out_B* gets what comes out.

    Args:
        steps_S6: one Step to a row.
        row: R of the input.
        w: what all weights are.
        maps: as many maps as the steps name, each of the size of the input; overwritten.
        out_B: one number for each image.
    """
    num_images = len(out_B)
    zero, lowest = np.float32(0), np.float32(-np.inf)
    gains, shifts = np.ones(NUM_REGISTERS, np.float32), np.zeros(NUM_REGISTERS, np.float32)
    places = np.arange(len(maps))
    for s in range(len(steps_S6)):
        do, halvings = steps_S6[s, 0], steps_S6[s, 1]
        target, source = steps_S6[s, 2], steps_S6[s, 3]
        register, number = steps_S6[s, 4], np.float32(steps_S6[s, 5])
        r, size = row >> halvings, maps.shape[1] >> (2 * halvings)
        x_M, y_M = maps[places[source], :size], maps[places[target], :size]
        gain, shift = number * gains[register], number * shifts[register]
        cuts = do == Do.SUM_3X3 or do == Do.NORM_RELU or do == Do.SET_RELU or do == Do.ADD_RELU
        low = zero if cuts else lowest
        if do == Do.SUM_3X3 or do == Do.MEAN_3X3:
            _box(x_M, y_M, low, r, num_images)
        elif do == Do.NORM or do == Do.NORM_RELU:
            scale = float(number * w) if number else 1.0
            gains[register], shifts[register] = norm(x_M, low, r, scale, w)
        elif do == Do.SCALE:
            gains[register], shifts[register] = number * w, zero
        elif Do.SET <= do <= Do.ADD_RELU:
            _put(x_M, y_M, low, gain, shift, do >= Do.ADD)
        elif do == Do.MEAN_2X2 or do == Do.EVERY_2ND:
            _halve(x_M, y_M, r, num_images, do == Do.MEAN_2X2)
        elif do == Do.SWAP:
            places[target], places[source] = places[source], places[target]
        elif do == Do.MEAN:
            _mean(x_M, gains[register], shifts[register], np.float32(number * w), out_B)
        elif not x_M.any():
            out_B[:] = 0
            return
