"""Section 4: Deeper Insights on C-27."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from benchmarks.effects.cells import PLAIN, ranking, train_cells
from benchmarks.effects.images import digits
from benchmarks.effects.protocol import (
    Arm,
    Bench,
    Claim,
    Effect,
    Measures,
    Results,
    Term,
    number,
    of,
)
from benchmarks.effects.supernets import Trained, accuracy_of, archs_of, known_mean, mean
from search.supernets.ranking import kendall_tau
from search.supernets.recipes import recipes
from search.supernets.sharing import groups_of
from search.supernets.sources.partitioned import Partitioned
from search.supernets.steps import Report
from search.supernets.training import Training

NUM_LOOKS = 5  # at the ends of the last epochs
WINDOW = 27  # steps after each of which all are evaluated
GROUPS = (3, 9)


class Looks:
    """Accuracies of all after the last steps, and at the end of the last epochs."""

    def __init__(self, is_dense: bool) -> None:
        self.epochs: list[list[float]] = []
        self.jumps: list[float] = []
        self._is_dense = is_dense
        self._before: list[float] | None = None

    def __call__(self, training: Training, report: Report) -> None:
        """Look, where it is due."""
        left = training.num_steps - training.steps_done
        is_end = training.steps_done % training.steps_per_epoch == 0
        is_epoch = is_end and left < NUM_LOOKS * training.steps_per_epoch
        is_dense = self._is_dense and left <= WINDOW
        if not is_epoch and not is_dense:
            return
        scores = accuracy_of(training, digits()).of_all(archs_of(training.net))
        if is_epoch:
            self.epochs.append(scores)
        if is_dense:
            self._note(training, report, scores)

    def _note(self, training: Training, report: Report, scores: list[float]) -> None:
        """How much more the trained one gained than the others on average."""
        arch = report.passes[0].done.mix.arch
        assert arch is not None
        if self._before is not None:
            gains = np.subtract(scores, self._before)
            own = training.net.space.index(arch)
            self.jumps.append(float(gains[own] - np.delete(gains, own).mean()))
        self._before = scores


def deeper(
    bench: Bench, seed: int, *, sharing: str, groups: int, is_dense: bool, **params: float
) -> Measures:
    """Train all in turn, and look at the end."""
    recipe = recipes["deeper_insights"](sharing=sharing, groups=groups, **params)
    looks = Looks(is_dense)
    trained = train_cells(recipe, seed, looks)
    truth = bench.truth("cell_27")
    found = ranking(bench, trained)
    own = _groups(trained)
    taus = [in_groups(truth, scores, own) for scores in looks.epochs]
    found |= {
        "tau within groups": taus[-1],
        "deviation of tau over epochs": float(np.std([t for t in taus if t is not None])),
        "changes of the best": mean([a != b for a, b in pairwise(map(_best, looks.epochs))]),
        "best": _best(looks.epochs[-1]),
    }
    for count in GROUPS:
        alike = groups_of(trained.net.space, count)
        found[f"tau within {count} similar groups"] = in_groups(truth, looks.epochs[-1], alike)
    if is_dense:
        found["jump"] = mean(looks.jumps)
    return found


def in_groups(truth: Sequence[float], scores: Sequence[float], own: Sequence[int]) -> float | None:
    """Mean over groups of tau within the group; those where it is undefined are left out."""
    taus = []
    for group in sorted(set(own)):
        places = [place for place, number in enumerate(own) if number == group]
        taus.append(kendall_tau([truth[p] for p in places], [scores[p] for p in places]))
    return known_mean(taus)


def _groups(trained: Trained) -> list[int]:
    """As they were dealt out; one where all share."""
    source = trained.net.source
    archs = archs_of(trained.net)
    return (
        list(map(source.group_of, archs)) if isinstance(source, Partitioned) else [0] * len(archs)
    )


def _best(scores: Sequence[float]) -> int:
    return int(np.argmax(scores))


def _others_with_another_best() -> Term:
    def value(results: Results, seed: int) -> float | None:
        own = results["all share"]
        best = own[seed]["best"]
        return known_mean([float(best != r["best"]) for s, r in own.items() if s != seed])

    return Term("share of other seeds whose best differs", value)


def _between_seeds() -> Term:
    def value(results: Results, seed: int) -> float | None:
        own = results["all share"]
        scores = own[seed]["scores"]
        others = [r["scores"] for s, r in own.items() if s != seed]
        return known_mean([kendall_tau(scores, other) for other in others])

    return Term("all share: tau with the other seeds", value)


def _arm(name: str, sharing: str, groups: int) -> Arm:
    settings = {"sharing": sharing, "groups": groups, "is_dense": sharing == "all"}
    return Arm(name, partial(deeper, **settings, **PLAIN))


def _on_groups(count: int) -> tuple[Claim, ...]:
    similar, random = f"{count} similar groups", f"{count} random groups"
    within = f"tau within {count} similar groups"
    return (
        Claim(
            f"{count} groups: similar ones rank better within groups than random ones",
            "P",
            of(similar, "tau within groups"),
            of(random, "tau within groups"),
        ),
        Claim(
            f"{count} groups: with similar ones tau varies less over the last epochs",
            "P",
            of(random, "deviation of tau over epochs"),
            of(similar, "deviation of tau over epochs"),
        ),
        Claim(
            f"{count} similar groups rank better within groups than the one supernet does there",
            "P",
            of(similar, within),
            of("all share", within),
        ),
    )


EFFECTS = [
    Effect(
        "deeper_insights",
        4,
        "Deeper Insights: who shares with whom",
        "C-27. Every network in turn, one a step, in fixed order; running statistics, as the "
        "authors have it. All share, or groups of similar or of random networks share. Tau "
        "within groups is the mean over groups. A jump is how much more accuracy the network "
        "that was just trained gains than the others, over the last "
        f"{WINDOW} steps.",
        "equal passes; each network is trained equally often",
        (
            _arm("all share", "all", 1),
            *(
                _arm(f"{count} {kind} groups", f"{kind}_groups", count)
                for count in GROUPS
                for kind in ("similar", "random")
            ),
        ),
        (
            Claim(
                "The best network differs between seeds",
                "P",
                _others_with_another_best(),
                number(0),
                "bound",
            ),
            Claim(
                "The best network differs between consecutive epochs",
                "P",
                of("all share", "changes of the best", "share of consecutive epochs"),
                number(0),
                "bound",
            ),
            Claim(
                "The ranking still agrees with the truth",
                "P",
                of("all share", "tau"),
                number(0),
                "bound",
            ),
            Claim("So do the rankings of two seeds", "P", _between_seeds(), number(0), "bound"),
            Claim(
                "A network gains when it was just trained (interference)",
                "P",
                of("all share", "jump"),
                number(0),
                "bound",
            ),
            *(claim for count in GROUPS for claim in _on_groups(count)),
        ),
        columns=("tau", "tau within groups", "rank of top 3", "mean accuracy", "passes"),
        notes=(
            "Similar groups compare networks that differ in their last edges, random groups any; "
            "the pairs that are ranked are not the same. The comparison with the one supernet is "
            "over the same pairs.",
        ),
    ),
]
