"""E-digits: the tiny elastic space on handwritten digits, and what is measured there."""

import numpy as np
import torch

from benchmarks.effects.images import batches, digits
from benchmarks.effects.protocol import Measures
from benchmarks.effects.supernets import Trained, accuracy_of, mean, new_net, train
from search.spaces import Arch, spaces
from search.supernets.mix import onehot
from search.supernets.recipe import Recipe
from search.supernets.supernet import largest, smallest

SPACE = "elastic_tiny"
EPOCHS, BATCH_SIZE, LR = 8, 64, 0.1
NUM_PROBES = 8
PLAIN = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "lr": LR}  # of every sandwich here


def probes(count: int = NUM_PROBES) -> list[Arch]:
    """Random subnets, the same for every arm and seed."""
    rng = np.random.default_rng(7)
    return [spaces[SPACE].sample(rng) for _ in range(count)]


def train_elastic(recipe: Recipe, seed: int) -> Trained:
    """Train the supernet of E-digits."""
    sets = digits()
    return train(new_net(SPACE, recipe, sets, seed), recipe, sets, seed)


def accuracies(trained: Trained, kind: str = "recalibrated") -> Measures:
    """Of the smallest, of the probes and of the largest, on the test part, 0 to 1."""
    space = trained.net.space
    evaluation = accuracy_of(trained.training, trained.sets, kind=kind, part="test")
    archs = [smallest(space), largest(space), *probes()]
    low, high, *mids = evaluation.of_all(archs)
    return {"smallest": low, "largest": high, "middle": mean(mids), "passes": trained.passes}


@torch.no_grad()
def entropy_gap(trained: Trained, archs: list[Arch]) -> float:
    """How much more entropy subnets have than the largest, in nats; mean over images and archs."""
    evaluation = accuracy_of(trained.training, trained.sets, kind="recalibrated", part="test")
    top = _entropy(trained, evaluation, largest(trained.net.space))
    return mean([_entropy(trained, evaluation, arch) for arch in archs]) - top


def _entropy(trained: Trained, evaluation, arch: Arch) -> float:
    norms = evaluation.norms(onehot(arch))
    found = []
    for x_BCHW, _ in batches(trained.sets.test):
        log_q_BK = trained.net(x_BCHW, onehot(arch), norms).log_softmax(1)
        found.append(-(log_q_BK.exp() * log_q_BK).sum(1))
    return float(torch.cat(found).mean())
