"""NAS-Bench-201 on CIFAR-10 at reduced size, against the published accuracies."""

import csv
import gzip
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from benchmarks.effects.images import cifar10
from benchmarks.effects.protocol import Arm, Bench, Claim, Effect, Measures, of
from benchmarks.effects.supernets import accuracy_of, mean, new_net, train
from search.spaces import Arch, spaces
from search.supernets.ranking import kendall_tau
from search.supernets.recipes import recipes

SPACE = "nasbench201"
NUM_CELLS, CELLS_SEED = 200, 0
NETWORK = {"channels": 8, "cells": 1}
IMAGES = {"num_train": 20_000, "num_test": 2500, "size": 16}
EPOCHS = 15  # of one path a step
CHOICES = 5  # of an edge
PLAIN = {
    "network": NETWORK,
    "images": IMAGES,
    "num_cells": NUM_CELLS,
    "batch_size": 64,
    "lr": 0.05,
}


@dataclass(frozen=True)
class Published:
    """The cells that are ranked."""

    archs: list[Arch]
    accuracies: list[float]
    params: list[float]
    macs: list[float]


@cache
def published(data: Path, count: int) -> Published:
    """Cells drawn once, the same for every arm and seed, and what is published about them."""
    with gzip.open(data / "nb201.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    drawn = np.random.default_rng(CELLS_SEED).choice(len(rows), count, replace=False)
    chosen = [rows[place] for place in sorted(drawn.tolist())]

    def column(name: str) -> list[float]:
        return [float(row[name]) for row in chosen]

    archs = [spaces[SPACE].decode(row["arch_str"]) for row in chosen]
    return Published(archs, column("cifar10_test"), column("params"), column("flops"))


def ranks(  # what a run is
    bench: Bench,
    seed: int,
    *,
    name: str,
    network: dict[str, int],
    images: dict[str, int],
    num_cells: int,
    **params: object,
) -> Measures:
    """Train a supernet and rank the cells."""
    if bench.data is None:
        raise ValueError("images and published accuracies are needed: name their folder, --data")
    recipe = recipes[name](**params)
    sets = cifar10(bench.data, **images)
    trained = train(new_net(SPACE, recipe, sets, seed, **network), recipe, sets, seed)
    truth = published(bench.data, num_cells)
    scores = accuracy_of(trained.training, sets, kind="recalibrated").of_all(truth.archs)
    return {
        "tau": kendall_tau(truth.accuracies, scores),
        "tau of params": kendall_tau(truth.accuracies, truth.params),
        "tau of macs": kendall_tau(truth.accuracies, truth.macs),
        "mean accuracy": mean(scores),
        "passes": trained.passes,
        "scores": scores,
    }


def _better(better: str, worse: str, evidence: str) -> Claim:
    return Claim(
        f"{better} ranks better than {worse}", evidence, of(better, "tau"), of(worse, "tau")
    )


def _than_params(arm: str) -> Claim:
    return Claim(
        f"{arm} ranks better than the number of parameters",
        "D",
        of(arm, "tau"),
        of(arm, "tau of params", "params: tau"),
    )


ARMS = (
    Arm("SPOS", partial(ranks, name="spos", epochs=EPOCHS, **PLAIN)),
    Arm("FairNAS", partial(ranks, name="fairnas", epochs=EPOCHS // CHOICES, **PLAIN)),
    Arm("PA&DA", partial(ranks, name="panda", epochs=EPOCHS, affine=True, **PLAIN)),
    Arm(
        "few-shot",
        partial(
            ranks,
            name="few_shot",
            epochs=EPOCHS // 3,
            member_epochs=EPOCHS * 2 // 3 // CHOICES,
            clip_norm=5.0,
            affine=True,
            **PLAIN,
        ),
    ),
)

EFFECTS = [
    Effect(
        "nasbench201",
        11,
        "NAS-Bench-201: four supernets rank published cells",
        f"{IMAGES['num_train']:,} training images of CIFAR-10 made {IMAGES['size']} x "
        f"{IMAGES['size']}, {NETWORK['channels']} channels, {NETWORK['cells']} cell a stage. "
        f"{NUM_CELLS} cells of the 15,625 (coverage {NUM_CELLS / 15625:.1%}), drawn once, are "
        f"ranked by their accuracy on {IMAGES['num_test']:,} test images with inherited weights "
        "and calibrated norms; tau is with the published CIFAR-10 test accuracy after 200 epochs.",
        "equal passes",
        ARMS,
        (
            *(_than_params(arm.name) for arm in ARMS),
            _better("FairNAS", "SPOS", "M"),
            _better("PA&DA", "SPOS", "P"),
            _better("few-shot", "SPOS", "P"),
        ),
        columns=("tau", "tau of params", "tau of macs", "mean accuracy", "passes"),
        notes=(
            "Alone: `python -m benchmarks.effects nasbench201 --data folder`.",
            "That a supernet ranks better than the number of parameters is a question of ours, "
            "not a claim of the papers. The papers train on full images, with 16 channels, five "
            "cells a stage and hundreds of epochs.",
        ),
    ),
]
