"""Looks at a supernet while it is trained: how well subnets do, and what was trained how often."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
from torch import Tensor

from search.events import Metric, Snapshot
from search.seeds import seed_of
from search.spaces import Arch, Space
from search.supernets.accuracy import SubnetAccuracy
from search.supernets.recency import LastTrained
from search.supernets.sources.generated import Generated
from search.supernets.sources.routed import Routed
from search.supernets.splitting import groups_of, member_sources
from search.supernets.steps import Labelled, Report
from search.supernets.supernet import largest, smallest
from search.supernets.training import Training
from search.supernets.variance import is_affordable, variances

GROUP = 4  # subnets that are evaluated before others are heard
MAX_DRAWS = 50  # for each probe; small spaces have fewer different ones


class Looks:
    """Evaluates probes, the largest and the smallest subnet, and says what the method says.

    Nothing of the training changes. In spaces that choose operations no subnet is the largest
    or the smallest, so that there are only probes.

    Args:
        training: that is looked at.
        probes: how many; 0 evaluates nothing.
        looks: how many looks there are, evenly spread, the last one at the end.
        looks_at_end: after each of so many last epochs there is a look besides, so that the
            rankings of consecutive epochs can be compared.
        steps_at_end: and after each of so many last steps.
        calibration: batches of training images.
        held_out: batches of examples that are not trained on.
    """

    def __init__(  # noqa: PLR0913  # what is looked at, on what, and how often
        self,
        training: Training,
        *,
        probes: int,
        looks: int,
        looks_at_end: int,
        calibration: Sequence[Tensor],
        held_out: Sequence[Labelled],
        steps_at_end: int = 0,
    ) -> None:
        self._training = training
        self._space = training.net.space
        self.probes = drawn_probes(training.net.name, self._space, probes)
        self._ends = _ends(self._space) if probes else {}
        self._calibration, self._held_out = calibration, held_out
        steps = training.num_steps
        self._steps = {round(steps * (place + 1) / looks) for place in range(looks)} | {steps}
        if probes:
            self._steps |= training.timeline.last_ends(looks_at_end)
            self._steps |= set(range(max(steps - steps_at_end, 0) + 1, steps + 1))
        self._choices: list[Counter[int]] = [Counter() for _ in self._space.decisions]
        self._last = LastTrained(self.probes)
        self._num_splits = 0

    def note(self, report: Report) -> None:
        """Take in a step."""
        self._last.note(report)
        for one in report.passes:
            for counts, terms in zip(self._choices, one.done.mix.terms, strict=True):
                # Gates that pass gradients through all choices weigh those not drawn with 0.
                for choice, weight in terms:
                    counts[choice] += bool(weight != 0)

    def after(self, report: Report) -> Iterator[Metric | Snapshot | None]:
        """What is to be told after this step; None is a moment to stop at."""
        step = report.step + 1
        if len(self._training.splits) > self._num_splits:
            self._num_splits = len(self._training.splits)
            yield Snapshot("splits", step, {"splits": list(self._training.splits)})
        if step in self._steps:
            yield from self._accuracies(step)
            yield Snapshot("choices", step, self._counts())
            yield from self._own_logs(step)

    def state_dict(self) -> dict[str, Any]:
        """What was trained how often and when, and how many splits were told of."""
        return {
            "choices": [dict(c) for c in self._choices],
            "last": self._last.state_dict(),
            "splits": self._num_splits,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        self._choices = [Counter(counts) for counts in state["choices"]]
        self._last.load_state_dict(state["last"])
        self._num_splits = state["splits"]

    def _accuracies(self, step: int) -> Iterator[Metric | Snapshot | None]:
        if not self.probes:
            return
        accuracy = SubnetAccuracy(
            self._training.net, self._training.norms, self._calibration, self._held_out
        )
        for name, arch in self._ends.items():
            yield Metric(f"accuracy {name}", step, 100 * accuracy(arch))
            yield None
        yield from self._uncalibrated(step, accuracy)
        values: list[float] = []
        for start in range(0, len(self.probes), GROUP):
            group = self.probes[start : start + GROUP]
            values += [100 * share for share in accuracy.of_all(group)]
            yield None
        yield Metric("accuracy sampled", step, sum(values) / len(values))
        yield Snapshot("ranking", step, self._ranking(step, values))
        picks = self._training.paths.own_picks()
        if picks:
            shares = accuracy.of_all(list(picks.values()))
            own = {name: 100 * share for name, share in zip(picks, shares, strict=True)}
            yield Snapshot("picks", step, {"accuracy_of_picks": own})

    def _uncalibrated(self, step: int, accuracy: SubnetAccuracy) -> Iterator[Metric | None]:
        """Accuracies with the statistics of the largest: before calibration, so to speak.

        No running averages are kept in training that subnets could be evaluated with; this is
        ours. Of a few probes, for they are run from the beginning.
        """
        if "largest" not in self._ends or not accuracy.calibrates:
            return
        lender = self._ends["largest"]
        if "smallest" in self._ends:
            share = accuracy.borrowed(self._ends["smallest"], lender)
            yield Metric("uncalibrated smallest", step, 100 * share)
            yield None
        shares = [accuracy.borrowed(arch, lender) for arch in self.probes[:GROUP]]
        yield Metric("uncalibrated sampled", step, 100 * sum(shares) / len(shares))
        yield None

    def _ranking(self, step: int, values: list[float]) -> dict[str, Any]:
        """Inherited accuracies, and what they are to be seen with."""
        latest = self._last.arch
        return {
            "archs": [self._space.encode(arch) for arch in self.probes],
            "values": values,
            "epoch": self._training.timeline.epochs_behind(step),
            "steps_ago": self._last.ago(step),
            "trained_last": None if latest is None else self._space.encode(latest),
            "groups": groups_of(self._training.net, self.probes),
        }

    def _counts(self) -> dict[str, Any]:
        decisions = self._space.decisions
        return {
            "decisions": [decision.name for decision in decisions],
            "counts": [
                [counts[choice] for choice in range(len(decision.choices))]
                for decision, counts in zip(decisions, self._choices, strict=True)
            ],
        }

    def _own_logs(self, step: int) -> Iterator[Metric | Snapshot]:
        logs = {"paths": self._training.paths.log(), "data": self._training.data.log()}
        for name, log in logs.items():
            if log:
                yield Snapshot(name, step, {key: _as_json(value) for key, value in log.items()})
        if is_affordable(self._training, len(self._steps)):
            for name, value in variances(self._training).items():
                yield Metric(f"variance {name}", step, value)
        yield from self._of_source(step)

    def _of_source(self, step: int) -> Iterator[Metric | Snapshot]:
        """What experts and hypernetworks are to be watched by."""
        source = member_sources(self._training.net)[0]
        if isinstance(source, Generated) and self.probes:
            norms = [source.norm(arch) for arch in self.probes]
            yield Metric("generated norm", step, float(np.mean(norms)))
        if isinstance(source, Routed) and self.probes:
            by_arch = [source.entropy(arch) for arch in self.probes]
            mean = {name: float(np.mean([e[name] for e in by_arch])) for name in by_arch[0]}
            if mean:
                yield Metric("routing entropy", step, sum(mean.values()) / len(mean))
                apart = source.distances(self.probes)
                if apart:
                    yield Metric("routing distance", step, float(np.mean([*apart.values()])))
                yield Snapshot("routing", step, {"entropy": mean, "distances": apart})


def drawn_probes(name: str, space: Space, num: int) -> list[Arch]:
    """Different archs, the same for everyone who looks at this space; of a small one fewer.

    Args:
        name: of the space.
        space: whose archs are drawn.
        num: how many; of fewer the first ones.
    """
    rng = np.random.default_rng(seed_of("probes", name))
    found: dict[Arch, None] = {}
    for _ in range(MAX_DRAWS * num):
        if len(found) == min(num, space.size):
            break
        found.setdefault(space.sample(rng))
    return list(found)


def _ends(space: Space) -> dict[str, Arch]:
    if any(decision.kind == "op" for decision in space.decisions):
        return {}
    ends = {"largest": largest(space), "smallest": smallest(space)}
    return {name: arch for name, arch in ends.items() if space.invalid_reason(arch) is None}


def _as_json(value: object) -> object:
    """What is not finite is None."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _as_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(inner) for inner in value]
    return value
