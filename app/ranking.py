"""Is the ranking to be trusted? Inherited accuracies of probes held against what is known of them.

A look is what a supernet said of its probes at one step of its training. Numbers in, numbers out;
nothing here reads or draws. N probes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.surpassing import Pick, pick_of
from search.correlation import Column, Estimate, agreement
from search.spaces import Decision
from search.supernets.ranking import kendall_tau, sparse_tau
from search.traits import Direction

SEED = 0  # of the resamples
NUM_RESAMPLES = 1_000
FEW_RESAMPLES = 200  # of looks before the last
PERCENT = "%"


@dataclass(frozen=True)
class Look:
    """What the supernet said after so many steps, in percent, by the text of the architecture."""

    step: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Truth:
    """Something that inherited accuracies should rank like.

    Attributes:
        name: of the column or the objective.
        kind: ``table`` or ``standalone``; ``cost`` for what serves as a baseline.
        protocol: under which the values were had, in words.
        values: by the text of the architecture; of those that were asked for.
        space_N: of every architecture of a benchmark; None where few are known.
    """

    name: str
    kind: str
    protocol: str
    unit: str
    direction: Direction
    values: Mapping[str, float]
    space_N: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)

    @property
    def title(self) -> str:
        """How a choice among several names it."""
        return f"{self.name} ({self.protocol})"

    def pick(self, arch: str) -> Pick | None:
        """Where an architecture stands among all that are known; None where it is not."""
        if arch not in self.values:
            return None
        if self.space_N is None:
            return pick_of(self.values[arch], [*self.values.values()], self.direction, "")
        return pick_of(self.values[arch], self.space_N, self.direction, self.protocol)


@dataclass(frozen=True)
class Agreed:
    """How one look agrees with a truth.

    Attributes:
        num_common: probes that have both values, on which everything rests.
        sparse: tau-b after the truth was rounded to a tenth of a point; None for no percentages.
        pick: the probe that the look thinks best, among those in common.
    """

    step: int
    num_common: int
    num_probes: int
    kendall: Estimate
    spearman: Estimate
    sparse: float | None
    pick: Pick


@dataclass(frozen=True)
class Alike:
    """How alike looks are.

    Attributes:
        taus: Kendall's tau-b of every pair that has one.
        num_pairs: that there are.
    """

    step: int
    taus: tuple[float, ...]
    num_pairs: int

    @property
    def mean(self) -> float | None:
        """Over the pairs."""
        return float(np.mean(self.taus)) if self.taus else None


@dataclass(frozen=True)
class Trained:
    """How often the choices of one decision were trained."""

    decision: str
    choices: tuple[str, ...]
    counts: tuple[float, ...]

    @property
    def unevenness(self) -> float:
        """The most trained choice over the least trained: 1 when all are alike."""
        least = min(self.counts, default=0.0)
        return max(self.counts, default=0.0) / least if least else float("inf")


def looks(snapshots: Iterable[tuple[int, Mapping[str, Any]]]) -> tuple[Look, ...]:
    """Read snapshots ``ranking``, the earliest first; what has no value is left out."""
    found = []
    for step, content in sorted(snapshots, key=lambda one: one[0]):
        pairs = zip(content.get("archs", ()), content.get("values", ()), strict=False)
        values = {str(a): float(v) for a, v in pairs if isinstance(v, int | float)}
        found.append(Look(int(step), values))
    return tuple(found)


def agreed(look: Look, truth: Truth, *, num_resamples: int = NUM_RESAMPLES) -> Agreed | None:
    """Hold a look against a truth; None with fewer than two probes in common."""
    both = [arch for arch in look.values if arch in truth.values]
    if len(both) < 2:
        return None
    scores = [look.values[arch] for arch in both]
    known = [truth.values[arch] for arch in both]
    found = agreement(
        Column.of(scores),
        Column.of(known, truth.direction),
        rng=np.random.default_rng(SEED),
        num_resamples=num_resamples,
    )
    pick = truth.pick(both[int(np.argmax(scores))])
    assert pick is not None
    return Agreed(
        look.step,
        len(both),
        len(look.values),
        found.everything.kendall,
        found.everything.spearman,
        _sparse(known, scores, truth),
        pick,
    )


def over_training(found: Sequence[Look], truth: Truth) -> tuple[Agreed, ...]:
    """Every look against a truth; intervals of the earlier ones rest on fewer resamples."""
    last = len(found) - 1
    made = [
        agreed(look, truth, num_resamples=NUM_RESAMPLES if place == last else FEW_RESAMPLES)
        for place, look in enumerate(found)
    ]
    return tuple(one for one in made if one is not None)


def between_looks(found: Sequence[Look]) -> tuple[Alike, ...]:
    """Each look against the one before it."""
    made = []
    for before, now in pairwise(found):
        tau = tau_of(before.values, now.values)
        made.append(Alike(now.step, () if tau is None else (tau,), 1))
    return tuple(made)


def between_seeds(runs: Sequence[Sequence[Look]]) -> tuple[Alike, ...]:
    """Every pair of runs at the steps at which at least two of them looked."""
    by_step: dict[int, list[Mapping[str, float]]] = {}
    for run in runs:
        for look in run:
            by_step.setdefault(look.step, []).append(look.values)
    made = []
    for step, values in sorted(by_step.items()):
        if len(values) > 1:
            taus = [tau_of(a, b) for a, b in combinations(values, 2)]
            made.append(Alike(step, tuple(t for t in taus if t is not None), len(taus)))
    return tuple(made)


def tau_of(first: Mapping[str, float], second: Mapping[str, float]) -> float | None:
    """Kendall's tau-b over what both have; None for fewer than two, or all alike."""
    both = [arch for arch in first if arch in second]
    return kendall_tau([first[arch] for arch in both], [second[arch] for arch in both])


def baseline_tau(
    baseline: Truth, truth: Truth, probes: Collection[str]
) -> tuple[float | None, int]:
    """Tau of more parameters or multiply-adds with the truth, and of how many probes."""
    both = [arch for arch in probes if arch in baseline.values and arch in truth.values]
    sign = 1 if truth.direction == "maximize" else -1
    known = [sign * truth.values[arch] for arch in both]
    return kendall_tau([baseline.values[arch] for arch in both], known), len(both)


def trained(content: Mapping[str, Any], decisions: Sequence[Decision] = ()) -> tuple[Trained, ...]:
    """Read a snapshot ``choices``.

    Args:
        content: of the snapshot.
        decisions: of the space, for the names of the choices; without them they are numbered.
    """
    names, counts = content.get("decisions", ()), content.get("counts", ())
    known = {decision.name: decision.choices for decision in decisions}
    return tuple(
        Trained(
            str(name),
            _choices(known.get(str(name), ()), len(own)),
            tuple(float(count) for count in own),
        )
        for name, own in zip(names, counts, strict=False)
    )


def _choices(names: Sequence[str], num: int) -> tuple[str, ...]:
    return tuple(names) if len(names) == num else tuple(f"choice {n + 1}" for n in range(num))


def _sparse(known: Sequence[float], scores: Sequence[float], truth: Truth) -> float | None:
    if truth.unit != PERCENT:
        return None
    sign = 1 if truth.direction == "maximize" else -1
    return sparse_tau([sign * value / 100 for value in known], scores)
