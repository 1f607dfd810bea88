"""Section 7: ShiftNAS, a reconstruction, on E-digits."""

from dataclasses import replace
from functools import cache, partial

import numpy as np

from benchmarks.effects.elastic import BATCH_SIZE, LR, SPACE, train_elastic
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
from benchmarks.effects.supernets import accuracy_of, mean, new_net
from search.spaces import Arch, spaces
from search.supernets.bins import Bins
from search.supernets.paths.shift import BinShift
from search.supernets.recipes import recipes
from search.supernets.supernet import largest, smallest

BINS, PER_BIN, HELD_OUT = 6, 4, 0.1
STEPS = 15  # of an epoch, with what is held out left away
EVERY, WARMUP = 20, 5
PASSES_OF_CHANGE = {"unrolled": 24, "gap": 6}  # forward passes for one change of the shares


@cache
def probes_by_bin() -> list[list[Arch]]:
    """Random subnets of each bin of multiply-adds, the same for every arm and seed."""
    net = new_net(SPACE, recipes["spos"](source="entangled"), digits(), 0)
    space = spaces[SPACE]
    low, high = net.macs(smallest(space)), net.macs(largest(space))
    bins = Bins(low, high, BINS)
    rng = np.random.default_rng(11)
    found: list[list[Arch]] = [[] for _ in range(BINS)]
    while min(map(len, found)) < PER_BIN:
        arch = space.sample(rng)
        own = found[bins.number(net.macs(arch))]
        if len(own) < PER_BIN and arch not in own:
            own.append(arch)
    return found


def shiftnas(bench: Bench, seed: int, *, mode: str, epochs: int, lr: float) -> Measures:
    """Train, and evaluate probes of every bin."""
    recipe = recipes["shiftnas"](
        epochs=epochs,
        batch_size=BATCH_SIZE,
        lr=lr,
        shifts=mode != "uniform",
        mode="none" if mode == "uniform" else mode,
        bins=BINS,
        warmup_epochs=WARMUP,
        every=EVERY,
        architect_lr=0.02,
    )
    trained = train_elastic(replace(recipe, held_out=HELD_OUT), seed)
    evaluation = accuracy_of(trained.training, trained.sets, part="test")
    by_bin = [mean(evaluation.of_all(archs)) for archs in probes_by_bin()]
    changes = sum(step % EVERY == 0 for step in range(WARMUP * STEPS, trained.training.num_steps))
    found: Measures = {
        "smallest bin": by_bin[0],
        "largest bin": by_bin[-1],
        "middle bins": mean(by_bin[1:-1]),
        "by bin": by_bin,
        "passes": trained.passes + changes * PASSES_OF_CHANGE.get(mode, 0),
    }
    paths = trained.training.paths
    if isinstance(paths, BinShift):
        log = paths.log()
        found |= {"shares": log["shares"], "counts": log["counts"]}
        found["error of cost"] = mean(log["cost_errors"])
    return found


def epochs_of(mode: str, passes: int) -> int:
    """As many as fit into the passes, changes of the shares counted in."""
    extra = PASSES_OF_CHANGE.get(mode, 0) / EVERY
    return round((passes / STEPS + WARMUP * extra) / (1 + extra))


PASSES = 32 * STEPS


def _arm(name: str, mode: str) -> Arm:
    return Arm(name, partial(shiftnas, mode=mode, epochs=epochs_of(mode, PASSES), lr=LR / 2))


def _claims(arm: str) -> tuple[Claim, ...]:
    return (
        *(
            Claim(
                f"{arm}: subnets of the {which} bin are more accurate",
                "R",
                of(arm, f"{which} bin"),
                of("uniform", f"{which} bin"),
            )
            for which in ("smallest", "largest")
        ),
        Claim(
            f"{arm}: middle bins lose less than a point",
            "R",
            _lead(arm),
            number(-0.01),
            "bound",
        ),
        Claim(
            f"{arm}: the generator hits costs within 5 %",
            "R",
            number(0.05),
            of(arm, "error of cost"),
            "bound",
        ),
    )


def _lead(arm: str) -> Term:
    def value(results: Results, seed: int) -> float:
        return results[arm][seed]["middle bins"] - results["uniform"][seed]["middle bins"]

    return Term(f"{arm} less uniform: middle bins", value)


EFFECTS = [
    Effect(
        "shiftnas",
        7,
        "ShiftNAS: costs that need it are trained more (reconstruction)",
        f"E-digits, {BINS} bins of multiply-adds, {PER_BIN} probes each. One subnet a step: drawn "
        "uniformly, or generated for the cost of a bin whose shares are learned in two ways.",
        "equal passes, those that change the shares counted in, so that these arms have fewer "
        "steps; all hold the same share of images out",
        (_arm("uniform", "uniform"), _arm("unrolled", "unrolled"), _arm("gap", "gap")),
        (*_claims("unrolled"), *_claims("gap")),
        columns=("smallest bin", "middle bins", "largest bin", "error of cost", "passes"),
        notes=(
            "No code was released: both ways to change the shares are a reconstruction, and the "
            "claims were read in summaries by others.",
        ),
    ),
]
