"""Section 8: few-shot NAS and gradient matching on C-27."""

from functools import partial

from benchmarks.effects.cells import BATCH_SIZE, LR, ranking, train_cells
from benchmarks.effects.protocol import Arm, Bench, Claim, Effect, Measures, of
from search.supernets.recipes import recipes

TOTAL = 24  # epochs of one member, in all
COMMON = {"batch_size": BATCH_SIZE, "lr": LR, "weight_decay": 1e-4, "affine": True}
BATCHES = 10  # for the gradients of an edge


def members(bench: Bench, seed: int, *, name: str, **params: object) -> Measures:
    """Train, split, train on, and rank."""
    trained = train_cells(recipes[name](**params), seed)
    splits = trained.training.splits
    return ranking(bench, trained) | {"splits": [split["members"] for split in splits]}


def _matching(name: str, grouping: str) -> Arm:
    settings = {"epochs": 8, "epochs_between": 4, "last_epochs": 2, "batches": BATCHES}
    return Arm(
        name,
        partial(members, name="gradient_matching", grouping=grouping, **settings, **COMMON),
    )


EFFECTS = [
    Effect(
        "splitting",
        8,
        "Few-shot NAS and gradient matching",
        "C-27. One supernet; one that is split into a member for each operation of the first "
        "edge; one that is split in two twice, by gradients or at random.",
        f"equal passes of training: {TOTAL} epochs in all members together; the gradients by "
        "which edges are matched come on top",
        (
            Arm(
                "one-shot",
                partial(members, name="gradient_matching", splits=0, epochs=TOTAL, **COMMON),
            ),
            Arm(
                "few-shot",
                partial(
                    members,
                    name="few_shot",
                    epochs=TOTAL // 2,
                    member_epochs=TOTAL // 6,
                    clip_norm=5.0,
                    **COMMON,
                ),
            ),
            _matching("by gradients", "gradients"),
            _matching("at random", "random"),
        ),
        (
            Claim(
                "Few-shot ranks better than one-shot",
                "P",
                of("few-shot", "tau"),
                of("one-shot", "tau"),
            ),
            Claim(
                "Groups by gradients rank better than one-shot",
                "P",
                of("by gradients", "tau"),
                of("one-shot", "tau"),
            ),
            Claim(
                "Groups by gradients rank better than random ones",
                "P",
                of("by gradients", "tau"),
                of("at random", "tau"),
            ),
        ),
        columns=("tau", "rank of top 3", "mean accuracy", "passes"),
    ),
]
