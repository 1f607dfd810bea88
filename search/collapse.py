"""epsinas of NAS-Bench-201 cells by collapse: one channel stands for all channels of a layer.

Gracheva (2023), arXiv:2302.04406, computed in another way. When all weights of a network are
equal, so are all channels of a layer, and a layer with C input channels multiplies by C instead
of summing over them. What is left of a layer is one map; of a cell, sums of operations, in which
equal operations on one source run once. Letters: N archs, K constants, B images, C channels, H
height, W width, M numbers in a map.
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from search._map_machine import Do, Step, norm, run
from search.spaces import Arch
from search.spaces.nasbench201 import EDGES, OPERATIONS

CONSTANTS = (1e-7, 1.0)
SLICE = 8  # expressions that a thread takes at a time

Terms = tuple[tuple[tuple[int, "Terms"], int], ...]  # ((operation, source), how often), sorted

_NUM_STAGES = 3
_OUTPUT, _SUMS_3X3, _MEANS_3X3, _NUM_MAPS = 3, 4, 7, 10  # maps 0 to 2: input, sums between
_NONE, _SKIP, _CONV_1X1, _CONV_3X3, _POOL = range(len(OPERATIONS))
_INPUT: Terms = (((_SKIP, ()), 1),)


def epsinas(
    archs: Sequence[Arch],
    x_BCHW: NDArray[np.float32],
    *,
    constants: tuple[float, float] = CONSTANTS,
    channels: int = 16,
    cells: int = 5,
    num_threads: int = 1,
) -> NDArray[np.float64]:
    """How differently cells map one batch under two constants; nan where undefined.

    The same values as the proxy of this name on the network of each cell, some hundred times
    faster; cells that are equal under constant weights are measured once.

    Args:
        archs: cells of nasbench201.
        x_BCHW: the batch; height and width must be multiples of 4.
        constants: what all weights are, low and high.
        channels: of the first stage.
        cells: in each of the three stages.
        num_threads: how many threads share the cells.

    Raises:
        ValueError: images whose size the network cannot halve twice, or none.
    """
    collapse = Collapse(x_BCHW, channels=channels, cells=cells)
    return score(collapse.outputs(archs, constants, num_threads))


def score(rows_N2B: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean difference of two rows over their mean, each row first scaled to 0 to 1.

    Zeros are left out, the least of each row among them; nan where a row is constant.
    """
    p_N2B = rows_N2B.astype(np.float64)
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # a row of nan has no mean
        least = np.nanmin(p_N2B, axis=2, keepdims=True)
        q_N2B = (p_N2B - least) / (np.nanmax(p_N2B, axis=2, keepdims=True) - least)
        q_N2B[q_N2B == 0] = np.nan
        difference_N = np.nanmean(np.abs(q_N2B[:, 0] - q_N2B[:, 1]), axis=1)
        values_N: NDArray[np.float64] = difference_N / np.nanmean(q_N2B, axis=(1, 2))
    return values_N


class Collapse:
    """One batch, ready to be mapped by any number of cells.

    Args:
        x_BCHW: the batch; height and width must be multiples of 4.
        channels: of the first stage.
        cells: in each of the three stages.

    Raises:
        ValueError: images whose size the network cannot halve twice, or none.
    """

    def __init__(self, x_BCHW: NDArray[np.float32], *, channels: int = 16, cells: int = 5) -> None:
        self._num_images, _, height, width = x_BCHW.shape
        if not x_BCHW.size or height % 4 or width % 4:
            raise ValueError(
                f"{self._num_images} images of {height} x {width}: a network of nasbench201 "
                "halves height and width twice, so both must be multiples of 4"
            )
        self._row = width * self._num_images
        self._channels, self._cells = channels, cells
        self._sums_M = _sums_3x3(x_BCHW)
        self._stems: dict[float, NDArray[np.float32]] = {}

    def outputs(
        self, archs: Sequence[Arch], constants: Sequence[float] = CONSTANTS, num_threads: int = 1
    ) -> NDArray[np.float32]:
        """Outputs of the network of each cell, all its weights equal to each constant.

        One output to a network, batch statistics, biases of zero; archs x constants x images.
        Rows after one that is the same for all images are nan and not computed: epsinas is
        undefined. The values do not depend on what else is asked for, nor on the threads.
        """
        weights = [float(np.float32(constant)) for constant in constants]
        for weight in weights:
            self._stems.setdefault(weight, self._stem(weight))
        expressions = [expression(arch) for arch in archs]
        distinct = list(dict.fromkeys(expressions))
        slices = [distinct[start : start + SLICE] for start in range(0, len(distinct), SLICE)]
        with ThreadPoolExecutor(num_threads) as threads:
            mapped = threads.map if num_threads > 1 else map
            rows = list(mapped(partial(self._rows, weights), slices))
        empty_NKB = np.empty((0, len(weights), self._num_images), np.float32)
        places = {terms: place for place, terms in enumerate(distinct)}
        chosen = np.array([places[terms] for terms in expressions], dtype=np.int64)
        return np.concatenate([empty_NKB, *rows])[chosen]

    def _stem(self, weight: float) -> NDArray[np.float32]:
        gain, shift = norm(self._sums_M, np.float32(-np.inf), self._row, weight, weight)
        return np.float32(gain) * self._sums_M + np.float32(shift)

    def _rows(self, weights: Sequence[float], some: Sequence[Terms]) -> NDArray[np.float32]:
        maps = np.empty((_NUM_MAPS, len(self._sums_M)), np.float32)
        rows_NKB = np.full((len(some), len(weights), self._num_images), np.nan, np.float32)
        for terms, rows_KB in zip(some, rows_NKB, strict=True):
            steps_S6 = _network(terms, self._channels, self._cells)
            for weight, row_B in zip(weights, rows_KB, strict=True):
                maps[0] = self._stems[weight]
                run(steps_S6, self._row, weight, maps, row_B)
                if row_B.min() == row_B.max():
                    break
        return rows_NKB


def _sums_3x3(x_BCHW: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums over the channels and 3 x 3 pixels, as a map."""
    height, width = x_BCHW.shape[2:]
    padded_HWB = np.pad(x_BCHW.sum(axis=1).transpose(1, 2, 0), ((1, 1), (1, 1), (0, 0)))
    shifted = [padded_HWB[i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return np.ascontiguousarray(np.sum(shifted, axis=0), dtype=np.float32).ravel()


def expression(arch: Arch) -> Terms:
    """What a cell computes when all weights are equal: a sum of operations on sums.

    Skips are followed, zeros left out, and equal operations on equal sources counted; 15,625
    cells have 4,930 expressions.
    """
    nodes = [_INPUT]
    for node in (1, 2, 3):
        terms: Counter[tuple[int, Terms]] = Counter()
        for choice, (source, target) in zip(arch, EDGES, strict=True):
            if target == node:
                terms.update(dict(_applied(choice, nodes[source])))
        nodes.append(tuple(sorted(terms.items())))
    return nodes[3]


def _applied(choice: int, source: Terms) -> Terms:
    if choice == _SKIP:
        return source
    is_zero = choice == _NONE or not source
    return () if is_zero else (((choice, source), 1),)


def _network(cell: Terms, channels: int, cells: int) -> NDArray[np.int64]:
    """The network after its stem, as steps of the machine."""
    first_S6 = np.array(_cell(cell), dtype=np.int64)
    does, halvings, number = (Step._fields.index(name) for name in ("do", "halvings", "number"))
    is_norm = (first_S6[:, does] == Do.NORM) | (first_S6[:, does] == Do.NORM_RELU)
    blocks = []
    for stage in range(_NUM_STAGES):
        if stage:
            blocks.append(_reduction(stage, channels << (stage - 1)))
        steps_S6 = first_S6.copy()
        steps_S6[:, halvings] = stage
        steps_S6[is_norm, number] = channels << stage
        blocks.extend([steps_S6] * cells)
    return np.concatenate([*blocks, _head(channels << stage)])


@cache
def _head(width: int) -> NDArray[np.int64]:
    """The last norm, the pooling, and the classifier with its one output."""
    stage = _NUM_STAGES - 1
    norm_, mean = Step(Do.NORM, stage, register=1, number=0), Step(Do.MEAN, stage, register=1)
    return np.array([norm_, mean._replace(number=width)])


def _cell(output: Terms) -> list[Step]:
    """Map 0 becomes *output* of map 0, in the first stage of a network with one channel."""
    inner = sorted(_sources(output), key=_depth)
    numbers = {_INPUT: 0, **{terms: number for number, terms in enumerate(inner, 1)}}
    used = sorted({term for terms in (*inner, output) for term, _ in terms})
    steps: list[Step] = []
    for terms, number in numbers.items():
        if number:
            steps += _sum(terms, number, numbers)
        for operation, source in used:
            if source == terms:
                steps += _operation(operation, number)
    steps += _sum(output, _OUTPUT, numbers)
    return [*steps, Step(Do.SWAP, target=0, source=_OUTPUT), Step(Do.STOP_AT_ZERO)]


def _sources(output: Terms) -> set[Terms]:
    """The sums, but for the input, that something in *output* reads; two at most."""
    direct = {source for (_, source), _ in output} - {(), _INPUT}
    return direct.union(*(_sources(source) for source in direct))


def _depth(terms: Terms) -> int:
    return 1 + max((_depth(source) for (_, source), _ in terms), default=0)


def _operation(operation: int, number: int) -> list[Step]:
    """What an operation on sum *number* needs before its result can be added to other sums."""
    register = _register(operation, number)
    if operation == _CONV_1X1:
        return [Step(Do.NORM_RELU, source=number, register=register)]
    if operation == _CONV_3X3:
        convolved = _SUMS_3X3 + number
        return [
            Step(Do.SUM_3X3, target=convolved, source=number),
            Step(Do.NORM, source=convolved, register=register),
        ]
    if operation == _POOL:
        return [Step(Do.MEAN_3X3, target=_MEANS_3X3 + number, source=number)]
    return []


def _register(operation: int, number: int) -> int:
    """Where the norm of a convolution is kept; 0 for what has none."""
    return {_CONV_1X1: 1, _CONV_3X3: 4}.get(operation, -number) + number


def _sum(terms: Terms, target: int, numbers: dict[Terms, int]) -> list[Step]:
    """Map *target* becomes the sum of *terms*; zero if there are none."""
    steps: list[Step] = []
    for (operation, source), count in terms:
        number = numbers.get(source, 0)
        if operation == _CONV_1X1:
            do = Do.ADD_RELU if steps else Do.SET_RELU
        else:
            do = Do.ADD if steps else Do.SET
        map_ = number + {_CONV_3X3: _SUMS_3X3, _POOL: _MEANS_3X3}.get(operation, 0)
        steps.append(Step(do, 0, target, map_, _register(operation, number), count))
    return steps or [Step(Do.SET, target=target, number=0)]


@cache
def _reduction(stage: int, width: int) -> NDArray[np.int64]:
    """The residual block before *stage*, from *width* channels to twice as many."""
    a, b, sums = 1, 2, _SUMS_3X3
    steps = [
        Step(Do.SUM_3X3, stage - 1, sums, 0),
        Step(Do.EVERY_2ND, stage - 1, a, sums),
        Step(Do.NORM, stage, source=a, register=1, number=width),
        Step(Do.SET, stage, b, a, 1),
        Step(Do.SUM_3X3, stage, sums, b),
        Step(Do.NORM, stage, source=sums, register=2, number=2 * width),
        Step(Do.MEAN_2X2, stage - 1, a, 0),
        Step(Do.SCALE, stage, register=3, number=width),
        Step(Do.SET, stage, _OUTPUT, a, 3),
        Step(Do.ADD, stage, _OUTPUT, sums, 2),
        Step(Do.SWAP, stage, 0, _OUTPUT),
    ]
    return np.array(steps)
