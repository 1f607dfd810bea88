"""Evaluating subnets of a trained supernet with the caches and without them.

``subnet_evaluation``: accuracy after calibration on 128 images, of 256 test images, of the tiny
elastic space and of NAS-Bench-201, as populations of an evolution propose them: mutants of a few
parents.
"""

import time
from collections.abc import Callable

import numpy as np
import torch

from search.spaces import Arch, spaces
from search.supernets.accuracy import SubnetAccuracy
from search.supernets.making import supernet_of
from search.supernets.mix import onehot
from search.supernets.norms import NormPolicy
from search.supernets.recipes import recipes

NUM_PARENTS, NUM_MUTANTS, POPULATION, MUTATION = 4, 60, 20, 0.1
BATCH, NUM_CALIBRATION, NUM_TEST = 64, 2, 4
SPACES = {"elastic_tiny": {}, "nasbench201": {"channels": 8, "cells": 1}}


def rows() -> list[dict[str, object]]:
    """Time populations of two spaces."""
    return [row(name, **params) for name, params in SPACES.items()]


def row(name: str, **params) -> dict[str, object]:
    """Populations in turns, with the caches and without."""
    recipe = recipes["spos"](source="entangled")
    shape = (1, 8, 8) if name == "elastic_tiny" else (3, 32, 32)
    net = supernet_of(name, recipe, shape=shape, num_classes=10, seed=0, **params)
    archs = population(name)
    cached, alone = evaluation(net), evaluation(net)
    for each in (cached, alone):
        each.of_mix(onehot(archs[0]))  # warms up
    with_s = without_s = 0.0
    for first in range(0, NUM_MUTANTS, POPULATION):
        some = archs[first : first + POPULATION]
        ours_s, ours = seconds(lambda some=some: cached.of_all(some))
        theirs_s, theirs = seconds(lambda some=some: [alone.of_mix(onehot(a)) for a in some])
        assert ours == theirs
        with_s, without_s = with_s + ours_s, without_s + theirs_s
    suffix = "" if name == "elastic_tiny" else f"_{name}"
    return {
        "name": f"subnet_evaluation{suffix}",
        "ours": with_s / len(archs),
        "theirs": without_s / len(archs),
        "ratio": without_s / with_s,
        "unit": "s",
        "what": (
            f"a subnet of {name}, calibrated on {BATCH * NUM_CALIBRATION} images and evaluated "
            f"on {BATCH * NUM_TEST}; {len(archs)} distinct mutants of {NUM_PARENTS} parents; "
            "theirs is ours without the caches, with equal results"
        ),
    }


def population(name: str) -> list[Arch]:
    """Distinct mutants of a few random parents."""
    rng, space = np.random.default_rng(0), spaces[name]
    parents = [space.sample(rng) for _ in range(NUM_PARENTS)]
    found: dict[Arch, None] = {}
    while len(found) < NUM_MUTANTS:
        parent = parents[int(rng.integers(NUM_PARENTS))]
        found[
            tuple(
                int(rng.integers(len(d.choices))) if rng.random() < MUTATION else choice
                for d, choice in zip(space.decisions, parent, strict=True)
            )
        ] = None
    return list(found)


def evaluation(net) -> SubnetAccuracy:
    """Of random images."""
    generator = torch.Generator().manual_seed(0)
    count = BATCH * (NUM_CALIBRATION + NUM_TEST)
    x = torch.randn(count, *net.shape, generator=generator).split(BATCH)
    y = torch.randint(10, (count,), generator=generator).split(BATCH)
    pairs = list(zip(x, y, strict=True))
    calibration = [images for images, _ in pairs[:NUM_CALIBRATION]]
    return SubnetAccuracy(net, NormPolicy("recalibrated"), calibration, pairs[NUM_CALIBRATION:])


def seconds(run: Callable[[], list[float]]) -> tuple[float, list[float]]:
    """On the clock, and what came of it."""
    start = time.perf_counter()
    found = run()
    return time.perf_counter() - start, found
