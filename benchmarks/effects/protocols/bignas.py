"""Section 1: BigNAS on E-digits."""

from dataclasses import replace
from functools import partial

from benchmarks.effects.elastic import BATCH_SIZE, LR, PLAIN, accuracies, train_elastic
from benchmarks.effects.images import digits
from benchmarks.effects.protocol import Arm, Bench, Claim, Effect, Measures, of
from benchmarks.effects.supernets import mean, new_net
from search.errors import DivergedError
from search.supernets.examples import HeldExamples
from search.supernets.losses import HardLabel
from search.supernets.paths.uniform import Uniform
from search.supernets.recipe import Dropping, Recipe
from search.supernets.recipes import recipes
from search.supernets.schedules import constant
from search.supernets.steps import Role
from search.supernets.training import Training

ALL: tuple[Role, ...] = ("max", "mid", "min")
HIGH_LR = 3 * LR


def four_random(**params: int | float) -> Recipe:
    """The sandwich's settings, with four random subnets a step and true labels."""
    return replace(
        recipes["sandwich"](**params),
        paths=lambda net, rng: Uniform(net.space, rng, 4),
        loss=HardLabel,
    )


def sandwich(bench: Bench, seed: int, *, is_sandwich: bool, **params: float) -> Measures:
    """Train either way."""
    recipe = recipes["sandwich"](**params) if is_sandwich else four_random(**params)
    return accuracies(train_elastic(recipe, seed))


def bignas(bench: Bench, seed: int, *, drops_all: bool, **params: float) -> Measures:
    """Train, and evaluate the same weights with and without calibration.

    Running statistics are kept while batches normalise themselves, which changes no weight.
    """
    recipe = replace(recipes["bignas"](drop_path=0.0, **params), norms="tracked")
    if drops_all:
        recipe = replace(recipe, dropping=Dropping(recipe.dropping.dropout, roles=ALL))
    trained = train_elastic(recipe, seed)
    running = accuracies(trained, kind="")
    return accuracies(trained) | {"middle, running statistics": running["middle"]}


def first_epochs(
    bench: Bench, seed: int, *, starts_as_identity: bool, **params: float
) -> Measures:
    """Losses of the first two epochs at a constant rate that is too high."""
    recipe = replace(
        recipes["bignas"](starts_as_identity=starts_as_identity, dropout=0.0, **params),
        lr=constant(HIGH_LR),
    )
    sets = digits()
    net = new_net("elastic_tiny", recipe, sets, seed)
    training = Training(net, recipe, HeldExamples(*sets.train), seed=seed)
    losses, passes = [], 0
    try:
        for report in training.run():
            losses.append(mean([float(done.loss) for done in report.passes]))
            passes += len(report.passes)
    except DivergedError:
        return {"loss of the first epoch": None, "diverged": 1.0, "passes": passes}
    first = losses[: training.steps_per_epoch]
    return {"loss of the first epoch": mean(first), "diverged": 0.0, "passes": passes}


FIRST = {"epochs": 1, "batch_size": BATCH_SIZE, "lr": HIGH_LR}

EFFECTS = [
    Effect(
        "bignas_sandwich",
        1,
        "BigNAS: sandwich with in-place distillation",
        "E-digits. The largest, two random subnets and the smallest a step, of which the largest "
        "teaches the others, beside four random subnets a step with true labels.",
        "equal passes",
        (
            Arm("sandwich", partial(sandwich, is_sandwich=True, **PLAIN)),
            Arm("four random", partial(sandwich, is_sandwich=False, **PLAIN)),
        ),
        (
            Claim(
                "The smallest subnet is more accurate",
                "-",
                of("sandwich", "smallest"),
                of("four random", "smallest"),
            ),
        ),
        columns=("smallest", "middle", "largest", "passes"),
    ),
    Effect(
        "bignas_identity",
        1,
        "BigNAS: residual branches that start at zero",
        "E-digits. One epoch at three times the rate of the other trainings, constant, without "
        "dropout; the loss is the mean over all passes of the epoch.",
        "equal passes",
        (
            Arm("zero", partial(first_epochs, starts_as_identity=True, **FIRST)),
            Arm("one", partial(first_epochs, starts_as_identity=False, **FIRST)),
        ),
        (
            Claim(
                "Branches that start at one have a higher loss in the first epoch",
                "-",
                of("one", "loss of the first epoch"),
                of("zero", "loss of the first epoch"),
            ),
            Claim(
                "Branches that start at one diverge more often",
                "-",
                of("one", "diverged", "one: share that diverged"),
                of("zero", "diverged", "zero: share that diverged"),
            ),
        ),
        columns=("loss of the first epoch", "diverged", "passes"),
    ),
    Effect(
        "bignas_regularisation",
        1,
        "BigNAS: dropout for the largest alone, and calibration",
        "E-digits. Dropout of 0.2 for the largest subnet alone or for all four of a step; then "
        "the same weights evaluated with calibrated norms and with running statistics.",
        "equal passes",
        (
            Arm("largest alone", partial(bignas, drops_all=False, **PLAIN)),
            Arm("all", partial(bignas, drops_all=True, **PLAIN)),
        ),
        (
            Claim(
                "With dropout for the largest alone the smallest is more accurate",
                "C",
                of("largest alone", "smallest"),
                of("all", "smallest"),
            ),
            Claim(
                "Middle subnets are less accurate with running statistics than calibrated",
                "C",
                of("largest alone", "middle", "calibrated: middle"),
                of("largest alone", "middle, running statistics", "running statistics: middle"),
            ),
        ),
        columns=("smallest", "middle", "largest", "passes"),
    ),
]
