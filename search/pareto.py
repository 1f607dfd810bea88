"""Fronts and what is said about them. Plain numpy, so that the dashboard may use it.

Shapes: N points, M objectives. A point with a value that is not finite is missing: it is on no
front, dominates nothing and has no volume.
"""

from collections.abc import Sequence

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.traits import Direction

Floats = NDArray[np.float64]
_BLOCK = 4096


def front(values_NM: ArrayLike, directions: Sequence[Direction]) -> NDArray[np.bool_]:
    """Which points no other point dominates; all copies of such a point are on the front."""
    costs_NM = _costs(values_NM, directions)
    known_N = np.isfinite(costs_NM).all(axis=1)
    on_front_N = np.zeros(len(costs_NM), dtype=bool)
    if known_N.any():
        on_front_N[known_N] = moocore.is_nondominated(costs_NM[known_N], keep_weakly=True)
    return on_front_N


def ranks(values_NM: ArrayLike, directions: Sequence[Direction]) -> NDArray[np.int64]:
    """0 for the front, 1 for the front of the rest, and so on; missing points come last."""
    costs_NM = _costs(values_NM, directions)
    known_N = np.isfinite(costs_NM).all(axis=1)
    ranks_N = np.zeros(len(costs_NM), dtype=np.int64)
    if known_N.any():
        ranks_N[known_N] = moocore.pareto_rank(costs_NM[known_N])
        ranks_N[~known_N] = ranks_N[known_N].max() + 1
    return ranks_N


def crowding_distance(values_NM: ArrayLike) -> Floats:
    """How far the neighbours of each point of one front are apart, summed over the objectives.

    The extremes are infinitely far; an objective that is equal everywhere adds nothing.

    Reference: Deb et al. (2002), NSGA-II, section III B.
    """
    values = np.asarray(values_NM, dtype=float)
    distance_N = np.zeros(len(values))
    for column_N in values.T:
        order = np.argsort(column_N, kind="stable")
        ordered_N = column_N[order]
        spread = ordered_N[-1] - ordered_N[0]
        if spread > 0:
            distance_N[order[1:-1]] += (ordered_N[2:] - ordered_N[:-2]) / spread
            distance_N[order[[0, -1]]] = np.inf
    return distance_N


def hypervolume(
    values_NM: ArrayLike, directions: Sequence[Direction], reference: ArrayLike
) -> float:
    """Volume between the front and *reference*; points beyond the reference add nothing."""
    costs_NM = _costs(values_NM, directions)
    return _volume(costs_NM[np.isfinite(costs_NM).all(axis=1)], _corner(reference, directions))


def hypervolume_history(
    values_NM: ArrayLike, directions: Sequence[Direction], reference: ArrayLike
) -> Floats:
    """The hypervolume of the first 1, 2, ..., N points."""
    costs_NM = _costs(values_NM, directions)
    corner_M = _corner(reference, directions)
    with np.errstate(invalid="ignore"):
        inside_N = (costs_NM < corner_M).all(axis=1) & np.isfinite(costs_NM).all(axis=1)
    history_N = np.zeros(len(costs_NM))
    front_FM = np.empty((0, costs_NM.shape[1]))
    candidates = np.flatnonzero(inside_N)
    for start in range(0, len(candidates), _BLOCK):
        block = candidates[start : start + _BLOCK]
        while len(block := block[~_covered(costs_NM[block], front_FM)]):
            point_M, block, number = costs_NM[block[0]], block[1:], block[0]
            beaten_F = (point_M <= front_FM).all(axis=1)
            front_FM = np.vstack([front_FM[~beaten_F], point_M])
            history_N[number:] = _volume(front_FM, corner_M)
    return history_N


def knee(values_N2: ArrayLike, directions: Sequence[Direction]) -> int:
    """The point that bulges furthest from the line between the extremes, towards the better side.

    Both objectives are scaled to 0..1 first.

    Raises:
        ValueError: not two objectives, or no point has both values.
    """
    costs_N2 = _costs(values_N2, directions)
    known = np.flatnonzero(np.isfinite(costs_N2).all(axis=1))
    if costs_N2.shape[1] != 2 or not len(known):
        raise ValueError("a knee needs two objectives and at least one point with both values")
    points_N2 = costs_N2[known]
    low_2, high_2 = points_N2.min(axis=0), points_N2.max(axis=0)
    scaled_N2 = (points_N2 - low_2) / np.where(high_2 > low_2, high_2 - low_2, 1.0)
    first_2, last_2 = scaled_N2[np.lexsort(scaled_N2.T[::-1])[[0, -1]]]
    along_2 = last_2 - first_2
    bulge_N = along_2[1] * (scaled_N2 - first_2)[:, 0] - along_2[0] * (scaled_N2 - first_2)[:, 1]
    return int(known[np.argmax(bulge_N)])


def default_reference(values_NM: ArrayLike, directions: Sequence[Direction]) -> Floats:
    """A reference point a tenth of the range beyond the worst values, in the units of the values.

    Where all values of an objective are equal, one beyond; where there are none, 0. Beyond what
    is so large that neither changes it, the next number.
    """
    costs_NM = _costs(values_NM, directions)
    costs_NM = costs_NM[np.isfinite(costs_NM).all(axis=1)]
    if not len(costs_NM):
        return np.zeros(costs_NM.shape[1])
    worst_M = costs_NM.max(axis=0)
    range_M = worst_M - costs_NM.min(axis=0)
    step_M = np.where(range_M > 0, 0.1 * range_M, 1.0)
    beyond_M: Floats = np.maximum(worst_M + step_M, np.nextafter(worst_M, np.inf))
    return beyond_M * _signs(directions)


def _signs(directions: Sequence[Direction]) -> Floats:
    unknown = set(directions) - {"minimize", "maximize"}
    if unknown:
        raise ValueError(f"a direction is minimize or maximize, not {unknown.pop()!r}")
    return np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])


def _costs(values_NM: ArrayLike, directions: Sequence[Direction]) -> Floats:
    """The values with every objective to be minimised."""
    signs_M = _signs(directions)
    values = np.asarray(values_NM, dtype=float)
    if values.size == 0:
        return np.empty((0, len(signs_M)))
    if values.ndim != 2 or values.shape[1] != len(signs_M):
        raise ValueError(f"values of shape {values.shape} do not fit {len(signs_M)} directions")
    return np.ascontiguousarray(values * signs_M)


def _corner(reference: ArrayLike, directions: Sequence[Direction]) -> Floats:
    corner_M: Floats = np.asarray(reference, dtype=float) * _signs(directions)
    if not np.isfinite(corner_M).all():
        raise ValueError("the reference point must be finite")
    return corner_M


def _covered(points_NM: Floats, front_FM: Floats) -> NDArray[np.bool_]:
    """Which points are dominated by, or equal to, a point of the front."""
    covered_N = np.zeros(len(points_NM), dtype=bool)
    for member_M in front_FM:
        covered_N |= (member_M <= points_NM).all(axis=1)
    return covered_N


def _volume(costs_NM: Floats, corner_M: Floats) -> float:
    inside_NM = costs_NM[(costs_NM < corner_M).all(axis=1)]
    return float(moocore.hypervolume(inside_NM, ref=corner_M)) if len(inside_NM) else 0.0
