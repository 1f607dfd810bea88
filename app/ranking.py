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
WINDOW = (3, 10)  # looks at the end over which a spread is told: three, or consecutive epochs
FEW_TRAINED = 4  # probes of which it is known when they were trained, that a tau rests on


@dataclass(frozen=True)
class Look:
    """What the supernet said after so many steps, in percent, by the text of the architecture.

    Attributes:
        epoch: that ended then, counted from 1; None within an epoch, or where nobody told.
        steps_ago: steps since a probe itself was trained; those that never were are left out.
        trained_last: the architecture of the last step; empty where nobody told.
        groups: of probes that share weights; empty where all do.
    """

    step: int
    values: Mapping[str, float]
    epoch: int | None = None
    steps_ago: Mapping[str, int] = field(default_factory=dict)
    trained_last: str = ""
    groups: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Truth:
    """Something that inherited accuracies should rank like.

    Attributes:
        name: of the column or the objective.
        kind: ``table`` or ``standalone``; ``cost`` for what serves as a baseline.
        protocol: under which the values were had, in words.
        values: by the text of the architecture; of those that were asked for, and of all of a
            small space.
        space_N: of every architecture of a benchmark, or of the space; None where few are known.
        looks_true: it may be what a ranking is held against; proxies in a benchmark do not.
        dataset: that a column of a benchmark is of; empty where it is not recorded.
    """

    name: str
    kind: str
    protocol: str
    unit: str
    direction: Direction
    values: Mapping[str, float]
    space_N: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)
    looks_true: bool = True
    dataset: str = ""

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
        of_what = self.protocol if self.kind == "table" else "the space"
        return pick_of(self.values[arch], self.space_N, self.direction, of_what)


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
class InGroup:
    """How a group of probes that share weights agrees with the truth.

    Attributes:
        group: its number, from 0.
        tau: None where all are alike.
    """

    group: int
    num_probes: int
    tau: float | None


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
    ordered = sorted(snapshots, key=lambda one: one[0])
    return tuple(_look(int(step), content) for step, content in ordered)


def _look(step: int, content: Mapping[str, Any]) -> Look:
    epoch = content.get("epoch")
    return Look(
        step,
        _by_arch(content, "values"),
        epoch if isinstance(epoch, int) else None,
        {arch: int(ago) for arch, ago in _by_arch(content, "steps_ago").items()},
        str(content.get("trained_last") or ""),
        {arch: int(group) for arch, group in _by_arch(content, "groups").items()},
    )


def _by_arch(content: Mapping[str, Any], name: str) -> dict[str, float]:
    pairs = zip(content.get("archs") or (), content.get(name) or (), strict=False)
    return {str(arch): float(v) for arch, v in pairs if isinstance(v, int | float)}


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


def window(found: Sequence[Look]) -> tuple[Look, ...]:
    """The looks at the end over which a spread is told: consecutive epochs, or the last three.

    Ten at most, as Deeper Insights has it: more would be no end.
    """
    ends = [look for look in found if look.epoch is not None]
    num = 1
    while num < len(ends) and _are_consecutive(ends[-num - 1], ends[-num]):
        num += 1
    of_epochs = [look for look in found if ends and look.step >= ends[-num].step]
    least, most = WINDOW
    return tuple(found[-min(max(len(of_epochs), least), most) :])


def between_looks(found: Sequence[Look]) -> tuple[Alike, ...]:
    """Each look against the one before it, where those are no consecutive epochs."""
    return _alike([(a, b) for a, b in pairwise(found) if not _are_consecutive(a, b)])


def between_epochs(found: Sequence[Look]) -> tuple[Alike, ...]:
    """Each epoch's end against that of the epoch before it, where both were looked at."""
    ends = [look for look in found if look.epoch is not None]
    return _alike([(a, b) for a, b in pairwise(ends) if _are_consecutive(a, b)])


def _are_consecutive(before: Look, now: Look) -> bool:
    return before.epoch is not None and now.epoch == before.epoch + 1


def _alike(pairs: Sequence[tuple[Look, Look]]) -> tuple[Alike, ...]:
    made = []
    for before, now in pairs:
        tau = tau_of(before.values, now.values)
        made.append(Alike(now.step, () if tau is None else (tau,), 1))
    return tuple(made)


def best_of_top(look: Look, truth: Truth, num: int) -> Pick | None:
    """Where the truly best of the *num* probes stands that a look thinks best: the top-k rank."""
    known = [arch for arch in look.values if arch in truth.values]
    top = sorted(known, key=lambda arch: -look.values[arch])[:num]
    picks = [pick for arch in top if (pick := truth.pick(arch)) is not None]
    return min(picks, key=lambda pick: pick.rank, default=None)


def accuracies_in_groups(look: Look) -> dict[int, list[float]]:
    """Inherited accuracies of the probes of each group that shares weights."""
    found: dict[int, list[float]] = {}
    for arch, group in look.groups.items():
        if arch in look.values:
            found.setdefault(group, []).append(look.values[arch])
    return found


def in_groups(look: Look, truth: Truth) -> tuple[InGroup, ...]:
    """How each group that shares weights agrees with the truth, if it has several probes."""
    sign = 1 if truth.direction == "maximize" else -1
    members: dict[int, list[str]] = {}
    for arch, group in sorted(look.groups.items(), key=lambda one: one[1]):
        if arch in look.values and arch in truth.values:
            members.setdefault(group, []).append(arch)
    return tuple(
        InGroup(
            group,
            len(archs),
            kendall_tau([look.values[a] for a in archs], [sign * truth.values[a] for a in archs]),
        )
        for group, archs in members.items()
        if len(archs) > 1
    )


def recency_tau(look: Look) -> tuple[float | None, int]:
    """Tau of having been trained lately with inherited accuracy, and of how many probes.

    None where too few probes were trained themselves, or all are alike.
    """
    both = [arch for arch in look.values if arch in look.steps_ago]
    if len(both) < FEW_TRAINED:
        return None, len(both)
    lately = [-look.steps_ago[arch] for arch in both]
    return kendall_tau(lately, [look.values[arch] for arch in both]), len(both)


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
