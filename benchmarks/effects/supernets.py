"""Training a supernet or a network alone, and what can be measured of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from benchmarks.effects.conv_81 import Conv81, Conv81Supernet
from benchmarks.effects.images import Sets, batches
from search.seeds import seed_of
from search.spaces import Arch
from search.supernets.accuracy import SubnetAccuracy
from search.supernets.examples import HeldExamples
from search.supernets.making import source_maker, supernet_of
from search.supernets.norms import NormPolicy
from search.supernets.paths.round_robin import RoundRobin
from search.supernets.recipe import Recipe
from search.supernets.recipes import recipes
from search.supernets.steps import Report
from search.supernets.supernet import Supernet
from search.supernets.training import Training

NUM_CLASSES = 10
CALIBRATION = 4  # batches


@dataclass
class Trained:
    """A supernet and how it came about.

    Attributes:
        passes: forward and backward passes of single networks that it took.
    """

    net: Supernet
    training: Training
    sets: Sets
    passes: int


def new_net(space: str, recipe: Recipe, sets: Sets, seed: int, **params: int) -> Supernet:
    """An untrained supernet; of K-81 too, which is in no registry."""
    if space != "conv_81":
        return supernet_of(
            space, recipe, shape=sets.shape, num_classes=NUM_CLASSES, seed=seed, **params
        )
    generator = torch.Generator().manual_seed(seed_of(seed, "weights"))
    maker = source_maker(recipe, Conv81())
    return Conv81Supernet(sets.shape, NUM_CLASSES, maker, generator)


def train(  # what a training is
    net: Supernet,
    recipe: Recipe,
    sets: Sets,
    seed: int,
    look: Callable[[Training, Report], None] | None = None,
) -> Trained:
    """Train to the end.

    Args:
        net: untrained.
        recipe: how.
        sets: on the training part of them.
        seed: of whatever is drawn.
        look: called after every step.
    """
    training = Training(net, recipe, HeldExamples(*sets.train), seed=seed)
    passes = 0
    for report in training.run():
        passes += len(report.passes)
        if look:
            look(training, report)
    return Trained(net, training, sets, passes)


def accuracy_of(
    training: Training, sets: Sets, *, kind: str = "", part: str = "validation"
) -> SubnetAccuracy:
    """Evaluates the supernet as it is now.

    Args:
        training: of the supernet.
        sets: calibrated on the first, evaluated on *part*.
        kind: of norms; the recipe's own when left out.
        part: of the images.
    """
    policy = NormPolicy(kind) if kind else training.norms  # type: ignore[arg-type]
    labelled = sets.test if part == "test" else sets.validation
    return SubnetAccuracy(training.net, policy, sets.calibration(CALIBRATION), batches(labelled))


def alone(space: str, arch: Arch, sets: Sets, *, epochs: int, lr: float, seed: int) -> float:
    """Accuracy on the test part of one network trained alone, in the same loop.

    Weights are its own and are drawn for its own sizes; norms are calibrated as those of subnets.
    """
    recipe = replace(
        recipes["spos"](epochs=epochs, lr=lr, source="per_choice"),
        paths=lambda net, rng: RoundRobin(net.space, rng, [arch]),
    )
    trained = train(new_net(space, recipe, sets, seed), recipe, sets, seed)
    return accuracy_of(trained.training, sets, part="test")(arch)


def archs_of(net: Supernet) -> list[Arch]:
    """All."""
    return [net.space.at(number) for number in range(net.space.size)]


def mean(values: Sequence[float]) -> float:
    """The mean."""
    return sum(values) / len(values)


def known_mean(values: Sequence[float | None]) -> float | None:
    """The mean of those that are defined; None where none is."""
    known = [value for value in values if value is not None]
    return mean(known) if known else None
