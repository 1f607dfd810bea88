"""Section 5: How to Train Your Super-Net on C-27."""

from functools import partial

from benchmarks.effects.cells import BATCH_SIZE, EPOCHS, LR, PLAIN, ranking, train_cells
from benchmarks.effects.protocol import Arm, Bench, Claim, Effect, Measures, Results, Term, of
from search.supernets.recipes import recipes

CHOICES = 3  # of an edge, and passes of a step of FairNAS


def plain(bench: Bench, seed: int, *, name: str, **params: object) -> Measures:
    """Train and rank."""
    trained = train_cells(recipes[name](**params), seed)
    return ranking(bench, trained)


def two_policies(bench: Bench, seed: int, **params: object) -> Measures:
    """Train with running statistics; evaluate the same weights with them and with batches' own."""
    trained = train_cells(recipes["spos"](norms="tracked", **params), seed)
    tracked, batch = ranking(bench, trained), ranking(bench, trained, kind="batch")
    lowest = {"lowest accuracy": min(batch["scores"])}
    low = {f"tracked: {name}": tracked[name] for name in ("tau", "mean accuracy")}
    return batch | lowest | low | {"tracked: lowest accuracy": min(tracked["scores"])}


def _size(arms: tuple[str, str], label: str) -> Term:
    def value(results: Results, seed: int) -> float | None:
        one, other = (results[arm][seed]["tau"] for arm in arms)
        return None if one is None or other is None else abs(one - other)

    return Term(label, value)


SPOS = {"name": "spos", **PLAIN}
EFFECTS = [
    Effect(
        "training_factors",
        5,
        "How to Train Your Super-Net: plain settings",
        "C-27. One random path a step with calibrated norms is the baseline; one setting at a "
        "time is another. Running and batch statistics are compared on the same weights.",
        f"equal passes; FairNAS takes {CHOICES} a step and {CHOICES} times fewer steps",
        (
            Arm("spos", partial(plain, **SPOS)),
            Arm("two policies", partial(two_policies, **PLAIN)),
            Arm("norms learn nothing", partial(plain, **SPOS, affine=False)),
            Arm("rate of 0.1", partial(plain, **(SPOS | {"lr": 0.1}))),
            Arm(
                "fairnas",
                partial(
                    plain,
                    name="fairnas",
                    epochs=EPOCHS // CHOICES,
                    batch_size=BATCH_SIZE,
                    lr=LR,
                ),
            ),
        ),
        (
            Claim(
                "Running statistics rank worse than batch statistics",
                "M",
                of("two policies", "tau", "batch statistics: tau"),
                of("two policies", "tracked: tau", "running statistics: tau"),
            ),
            Claim(
                "Running statistics lower the accuracy of the worst networks",
                "M",
                of("two policies", "lowest accuracy", "batch statistics: lowest accuracy"),
                of(
                    "two policies",
                    "tracked: lowest accuracy",
                    "running statistics: lowest accuracy",
                ),
            ),
            Claim(
                "Norms that learn no scale and shift rank better",
                "M",
                of("norms learn nothing", "tau"),
                of("spos", "tau"),
            ),
            Claim(
                "A learning rate of 0.025 ranks better than 0.1",
                "M",
                of("spos", "tau", "0.025: tau"),
                of("rate of 0.1", "tau", "0.1: tau"),
            ),
            Claim(
                "FairNAS ranks better than one random path",
                "M",
                of("fairnas", "tau"),
                of("spos", "tau"),
            ),
            Claim(
                "A plain setting (the rate) matters more than the sampler (FairNAS)",
                "P",
                _size(("spos", "rate of 0.1"), "rate: size of the difference in tau"),
                _size(("spos", "fairnas"), "sampler: size of the difference in tau"),
            ),
        ),
        columns=("tau", "rank of top 3", "mean accuracy", "passes"),
        notes=(
            "Norms inside these cells have no scale and shift anyway, as in the authors' code of "
            "section 4; only those of the stem can be switched off.",
        ),
    ),
]
