"""What the benchmarks of one pass share: eight proxies on one probe, and one by one."""

import math
import statistics
import time
from collections.abc import Mapping, Sequence

from torch import nn

from benchmarks import reference_proxies as reference
from search.probe import Batch, Probe
from search.proxies import proxies

WITHOUT_GRASP = ("grad_norm", "snip", "fisher", "plain", "jacob_cov", "synflow", "nwot")
ALL = (*WITHOUT_GRASP, "grasp")
# plain and grasp cancel, and are held against snip and the squared gradient. In fisher the sums
# before a norm cancel: of one cell ours was 2.1e-3 from the value in double with two threads, and
# 2.7e-3 with one.
TOLERANCES = {"plain": 1e-3, "grasp": 1e-2, "fisher": 5e-3}
TOLERANCE = 2e-3

# Costs over the convolutions of the whole batch: a pass forward is 1, one back 2, or 1 where only
# the gradient at the images is wanted. Written one by one, grasp is a pass forward and back (3),
# then one that is differentiated twice (9); synflow sees a single image.
ALONE = {
    "grad_norm": 3,
    "snip": 3,
    "fisher": 3,
    "plain": 3,
    "jacob_cov": 3,
    "nwot": 1,
    "grasp": 12,
}
FORWARD = 1  # whose graph and ReLUs serve all
MORE = {"grad_norm": 2, "jacob_cov": 1, "grasp": 4}  # and back once for all gradients of the loss


def ours(probe: Probe, names: Sequence[str] = ALL) -> tuple[dict[str, float], dict[str, float]]:
    """Values, and the seconds from an unbuilt network to each; what is shared counts once."""
    values, seconds = {}, {}
    for name in names:
        start = time.perf_counter()
        values[name] = proxies[name](probe)
        seconds[name] = time.perf_counter() - start
    return values, seconds


def theirs(
    plain: nn.Module, batch: Batch, names: Sequence[str] = ALL
) -> tuple[dict[str, float], dict[str, float]]:
    """Values of the plainly written proxies, and the seconds that each takes."""
    values, seconds = {}, {}
    for name in names:
        start = time.perf_counter()
        values[name] = reference.score(name, plain, batch.x_BCHW, batch.y_B)
        seconds[name] = time.perf_counter() - start
    return values, seconds


def compare(
    what: str,
    ours: Mapping[str, float],
    theirs: Mapping[str, float],
    undefined: Sequence[str] = (),
) -> None:
    """Equal but for the order of sums; nan where the reference makes a score of rounding.

    Raises:
        AssertionError: a proxy is not what the reference makes of it.
    """
    if wrong := [name for name in undefined if not math.isnan(ours[name])]:
        raise AssertionError(f"{', '.join(wrong)} of {what} should not be defined")
    scales = {**{name: abs(value) for name, value in theirs.items()}, "plain": theirs["snip"]}
    scales["grasp"] = max(abs(theirs["grasp"]), theirs["grad_norm"])
    for name, value in theirs.items():
        if name in undefined:
            continue
        difference = abs(ours[name] - value)
        if not difference <= TOLERANCES.get(name, TOLERANCE) * scales[name]:
            raise AssertionError(f"{name} of {what}: {ours[name]} is not {value}")


def saved_by_sharing(names: Sequence[str]) -> float:
    """How many times as much the proxies cost one by one, were all passes equally fast."""
    alone = sum(ALONE.get(name, 0) for name in names)
    return alone / (FORWARD + sum(MORE.get(name, 0) for name in names))


def row(name: str, cells: Sequence[Mapping[str, float]], names: Sequence[str], what: str) -> dict:
    """A row of the table, of measurements with keys as *ours 8* and *theirs 8*."""
    count = len(names)
    ratios = [cell[f"theirs {count}"] / cell[f"ours {count}"] for cell in cells]
    return {
        "name": name,
        "ours": statistics.median(cell[f"ours {count}"] for cell in cells),
        "theirs": statistics.median(cell[f"theirs {count}"] for cell in cells),
        "ratio": statistics.median(ratios),
        "unit": "s",
        "what": (
            f"{what}; sharing passes alone, at equal speed, makes {saved_by_sharing(names):.1f}"
        ),
    }
