"""What a picture of a front shows: the whole front, a density of the rest, a sample of points.

Numbers in, numbers out; nothing here draws. N trials, M objectives, K points drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.drawn import Drawn, drawn, thinned
from app.measures import Measure
from db.trials import Columns
from search import pareto

MAX_POINTS = 2000
MAX_INFEASIBLE = 500
MAX_SCREENED = 1000
MAX_STEPS = 800
BINS = (120, 80)

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Box = tuple[float, float, float, float]  # x from, x to, y from, y to


@dataclass(frozen=True)
class Points:
    """Trials as points, in the order of their numbers."""

    numbers_K: NDArray[np.int32]
    x_K: Drawn
    y_K: Drawn
    colour_K: Drawn | None
    from_memory_K: Mask

    def __len__(self) -> int:
        return len(self.numbers_K)


@dataclass(frozen=True)
class Density:
    """How many trials lie where; nan where none does. Edges are one more than cells."""

    x_edges: Drawn
    y_edges: Drawn
    counts_YX: NDArray[np.float32]


@dataclass(frozen=True)
class Front:
    """The non-dominated feasible trials for two objectives, as rows of the columns."""

    x: Measure
    y: Measure
    rows_K: NDArray[np.intp]
    knee_row: int | None


@dataclass(frozen=True)
class Picture:
    """All that a chart of a front needs."""

    x: Measure
    y: Measure
    colour: Measure | None
    front: Points
    knee: int | None
    dominated: Points
    infeasible: Points
    screened: Points
    density: Density | None
    num_dominated: int
    num_infeasible: int
    num_missing: int
    num_screened: int
    logarithmic: frozenset[str]
    box: Box | None

    @property
    def num_trials(self) -> int:
        """All but those that were screened only, drawn or not."""
        return len(self.front) + self.num_dominated + self.num_infeasible + self.num_missing


def front(columns: Columns, x: Measure, y: Measure) -> Front:
    """Find the front among the feasible trials that have both values."""
    values_NM = columns.values[:, [x.place, y.place]]
    rows = np.flatnonzero(columns.is_feasible & np.isfinite(values_NM).all(1))
    directions = (x.direction, y.direction)
    on_front = rows[pareto.front(values_NM[rows], directions)]
    order = np.lexsort((on_front, values_NM[on_front, 1], values_NM[on_front, 0]))
    knee = pareto.knee(values_NM[on_front], directions) if len(on_front) > 2 else None
    return Front(x, y, on_front[order], None if knee is None else int(on_front[knee]))


def picture(
    columns: Columns,
    found: Front,
    *,
    colour: Measure | None = None,
    box: Box | None = None,
    logarithmic: frozenset[str] = frozenset(),
) -> Picture:
    """Choose what is drawn: everything on the front, and of the rest what fits the eye."""
    x_N = columns.values[:, found.x.place]
    y_N = columns.values[:, found.y.place]
    has_values_N = np.isfinite(x_N) & np.isfinite(y_N)
    is_on_front_N = np.zeros(len(columns), np.bool_)
    is_on_front_N[found.rows_K] = True
    is_full_N = ~columns.is_screened
    dominated_N = has_values_N & columns.is_feasible & ~is_on_front_N
    infeasible_N = has_values_N & ~columns.is_feasible & is_full_N
    is_seen_N = _seen(x_N, y_N, box, logarithmic)
    seen = np.flatnonzero(dominated_N & is_seen_N)
    failed = np.flatnonzero(infeasible_N & is_seen_N)
    screened = np.flatnonzero(columns.is_screened & has_values_N & is_seen_N)

    def points(rows: NDArray[np.intp]) -> Points:
        return _points(columns, rows, found, colour)

    return Picture(
        x=found.x,
        y=found.y,
        colour=colour,
        front=points(found.rows_K),
        knee=None if found.knee_row is None else int(columns.numbers[found.knee_row]),
        dominated=points(_sample(seen, MAX_POINTS)),
        infeasible=points(_sample(failed, MAX_INFEASIBLE)),
        screened=points(_sample(screened, MAX_SCREENED)),
        density=_density(x_N[seen], y_N[seen], logarithmic) if len(seen) > MAX_POINTS else None,
        num_dominated=int(dominated_N.sum()),
        num_infeasible=int(infeasible_N.sum()),
        num_missing=int((~has_values_N & is_full_N).sum()),
        num_screened=int(columns.is_screened.sum()),
        logarithmic=logarithmic,
        box=box,
    )


def points_of(columns: Columns, found: Front, numbers: Sequence[int]) -> Points:
    """These trials as points, drawn in the picture or not; those without values are left out."""
    places = [found.x.place, found.y.place]
    rows = np.flatnonzero(np.isin(columns.numbers, numbers))
    return _points(columns, rows[np.isfinite(columns.values[rows][:, places]).all(1)], found, None)


def values_of(columns: Columns, measure: Measure, numbers: Sequence[int]) -> dict[int, float]:
    """Values of these trials by number; those without one are left out."""
    rows = np.flatnonzero(np.isin(columns.numbers, numbers))
    values_K = columns.values[rows, measure.place]
    found = zip(columns.numbers[rows].tolist(), values_K.tolist(), strict=True)
    return {number: value for number, value in found if np.isfinite(value)}


@dataclass(frozen=True)
class Feasible:
    """What remains under limits."""

    num: int
    best: int | None  # number of the trial that is best in ``measure``
    value: float | None


def meeting(
    columns: Columns, limits: Mapping[int, tuple[float | None, float | None]], measure: Measure
) -> Feasible:
    """Count the trials that meet limits (lowest, highest by objective), and find the best."""
    mask_N = columns.is_feasible & np.isfinite(columns.values[:, measure.place])
    for place, (low, high) in limits.items():
        values_N = columns.values[:, place]
        mask_N = mask_N & np.isfinite(values_N)
        if low is not None:
            mask_N &= values_N >= low
        if high is not None:
            mask_N &= values_N <= high
    rows = np.flatnonzero(mask_N)
    if not len(rows):
        return Feasible(0, None, None)
    values = columns.values[rows, measure.place]
    best = rows[int(np.argmin(measure.sign * values))]
    return Feasible(
        len(rows), int(columns.numbers[best]), float(columns.values[best, measure.place])
    )


@dataclass(frozen=True)
class Curve:
    """Hypervolume after so many trials; only where it changes, and at the end."""

    trials_K: NDArray[np.int64]
    volume_K: Floats
    reference: tuple[float, ...]

    @property
    def last(self) -> float:
        """What it has come to."""
        return float(self.volume_K[-1]) if len(self.volume_K) else 0.0

    @property
    def steps(self) -> tuple[Drawn, Drawn]:
        """Trials and volumes, thinned out for drawing."""
        kept = thinned(len(self.volume_K), MAX_STEPS)
        return drawn(self.trials_K[kept]), drawn(self.volume_K[kept])


def reference_point(columns: Columns, measures: Sequence[Measure]) -> tuple[float, ...] | None:
    """The default: a little worse than the worst of the feasible trials; None without any."""
    values = _feasible_values(columns, measures)
    if not len(values):
        return None
    directions = tuple(m.direction for m in measures)
    return tuple(float(v) for v in pareto.default_reference(values, directions))


def hypervolume_curve(
    columns: Columns, measures: Sequence[Measure], reference: tuple[float, ...]
) -> Curve:
    """Hypervolume over the trials of a job; those that were screened only do not count."""
    values = _feasible_values(columns, measures)
    counts = np.cumsum(~columns.is_screened)
    directions = tuple(m.direction for m in measures)
    volumes = np.asarray(pareto.hypervolume_history(values, directions, np.asarray(reference)))
    kept = np.flatnonzero(np.diff(volumes, prepend=-1.0) > 0)
    num_full = counts[-1] if len(counts) else 0
    trials = np.append(counts[_complete(columns, measures)][kept], num_full)
    volume = np.append(volumes[kept], volumes[-1:]) if len(volumes) else np.zeros(1)
    return Curve(trials, volume, reference)


def _complete(columns: Columns, measures: Sequence[Measure]) -> NDArray[np.intp]:
    values_NM = columns.values[:, [m.place for m in measures]]
    return np.flatnonzero(columns.is_feasible & np.isfinite(values_NM).all(1))


def _feasible_values(columns: Columns, measures: Sequence[Measure]) -> Floats:
    places = [m.place for m in measures]
    values: Floats = columns.values[_complete(columns, measures)][:, places]
    return values


def _seen(x_N: Floats, y_N: Floats, box: Box | None, logarithmic: frozenset[str]) -> Mask:
    seen = np.ones(len(x_N), np.bool_)
    if box is not None:
        x_from, x_to, y_from, y_to = box
        seen &= (x_N >= x_from) & (x_N <= x_to) & (y_N >= y_from) & (y_N <= y_to)
    if "x" in logarithmic:
        seen &= x_N > 0
    if "y" in logarithmic:
        seen &= y_N > 0
    return seen


def _points(
    columns: Columns, rows: NDArray[np.intp], found: Front, colour: Measure | None
) -> Points:
    places = [found.x.place, found.y.place]
    return Points(
        numbers_K=columns.numbers[rows],
        x_K=drawn(columns.values[rows, found.x.place]),
        y_K=drawn(columns.values[rows, found.y.place]),
        colour_K=None if colour is None else drawn(columns.values[rows, colour.place]),
        from_memory_K=np.asarray(columns.from_memory[rows][:, places].all(axis=1)),
    )


def _sample(rows: NDArray[np.intp], num: int) -> NDArray[np.intp]:
    """The same rows for the same trials, however many others there are: nothing jumps."""
    if len(rows) <= num:
        return rows
    mixed = (rows.astype(np.uint64) * np.uint64(2_654_435_761)) % np.uint64(2**32)
    return np.sort(rows[np.argpartition(mixed, num)[:num]])


def _density(x_K: Floats, y_K: Floats, logarithmic: frozenset[str]) -> Density:
    x_K = np.log10(x_K) if "x" in logarithmic else x_K
    y_K = np.log10(y_K) if "y" in logarithmic else y_K
    counts_XY, x_edges, y_edges = np.histogram2d(x_K, y_K, bins=BINS)
    counts_YX = np.log10(counts_XY.T, out=np.full(BINS[::-1], np.nan), where=counts_XY.T > 0)
    return Density(
        drawn(10**x_edges if "x" in logarithmic else x_edges),
        drawn(10**y_edges if "y" in logarithmic else y_edges),
        counts_YX.astype(np.float32),
    )


@dataclass(frozen=True)
class BestSoFar:
    """A sample of the trials of one measure, and the best value after so many of them.

    Attributes:
        best: the number of the best trial; None without any.
        last: the number of the last trial: so far the best value holds.
    """

    numbers_K: NDArray[np.int32]
    values_K: Drawn
    best_numbers_J: NDArray[np.int32]
    best_J: Drawn
    best: int | None
    last: int


def best_so_far(columns: Columns, measure: Measure) -> BestSoFar:
    """What a search with one objective has come to."""
    values_N = columns.values[:, measure.place]
    rows = np.flatnonzero(columns.is_feasible & np.isfinite(values_N))
    best = measure.sign * np.minimum.accumulate(measure.sign * values_N[rows])
    steps = np.flatnonzero(np.diff(best, prepend=np.nan) != 0)
    steps = steps[thinned(len(steps), MAX_STEPS)]
    sample = _sample(rows, MAX_POINTS)
    best_row = rows[np.argmin(measure.sign * values_N[rows])] if len(rows) else None
    return BestSoFar(
        columns.numbers[sample],
        drawn(values_N[sample]),
        columns.numbers[rows[steps]],
        drawn(best[steps]),
        best=None if best_row is None else int(columns.numbers[best_row]),
        last=int(columns.numbers[-1]) if len(columns) else 0,
    )
