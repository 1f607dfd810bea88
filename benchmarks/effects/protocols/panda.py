"""Section 3: PA&DA on C-27."""

from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.effects.cells import PLAIN, ranking, train_cells
from benchmarks.effects.protocol import Arm, Bench, Claim, Effect, Measures, of
from benchmarks.effects.supernets import Trained
from search.supernets.examples import ImportanceData
from search.supernets.mix import onehot
from search.supernets.paths import Draw, uniform_draw
from search.supernets.paths.importance import ImportancePath
from search.supernets.recipes import recipes

NUM_DRAWS, DRAW_SIZE = 20, 64  # batches of which the variance is taken


def panda(bench: Bench, seed: int, *, measures_variance: bool, **params: float) -> Measures:
    """Train, rank, and look at the variance of gradients at the final weights."""
    trained = train_cells(recipes["panda"](affine=True, **params), seed)
    found = ranking(bench, trained)
    if measures_variance:
        paths, data = trained.training.paths, trained.training.data
        assert isinstance(paths, ImportancePath)
        assert isinstance(data, ImportanceData)
        learned = Draw([paths.probabilities] * len(trained.net.space.decisions))
        uniform = uniform_draw(trained.net.space)
        even = np.full(data.count, 1 / data.count)
        found |= {
            "variance, uniform": variance(trained, uniform, even, seed),
            "variance, by gradients": variance(trained, learned, data.probabilities, seed),
        }
    return found


def variance(trained: Trained, draw: Draw, shares: np.ndarray, seed: int) -> float:
    """Trace of the covariance of the gradient of one step, at fixed weights.

    Args:
        trained: whose weights.
        draw: of the path.
        shares: probabilities of the images.
        seed: of the draws.
    """
    rng = np.random.default_rng([seed, 3])
    parameters = list(trained.net.parameters())
    x, y = trained.sets.train
    found = []
    for _ in range(NUM_DRAWS):
        places = torch.from_numpy(rng.choice(len(y), DRAW_SIZE, p=shares))
        loss = F.cross_entropy(trained.net(x[places], onehot(draw(rng))), y[places])
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        flat = [
            (torch.zeros_like(p) if g is None else g).flatten()
            for p, g in zip(parameters, gradients, strict=True)
        ]
        found.append(torch.cat(flat))
    return float(torch.stack(found).double().var(0).sum())


def _arm(name: str, *, paths: bool, data: bool) -> Arm:
    settings = {"weighs_paths": paths, "weighs_data": data, "measures_variance": paths and data}
    return Arm(name, partial(panda, **settings, **PLAIN))


def _ranks_better(arm: str, text: str) -> Claim:
    return Claim(text, "P", of(arm, "tau"), of("uniform", "tau"))


EFFECTS = [
    Effect(
        "panda",
        3,
        "PA&DA: paths and data by the norms of their gradients",
        "C-27. One path a step; all four arms have the same optimiser. The variance is the trace "
        f"of the covariance of the gradient over {NUM_DRAWS} batches, at the final weights of "
        "the arm with both: drawn as that arm draws in the end, and uniformly.",
        "equal passes",
        (
            _arm("uniform", paths=False, data=False),
            _arm("paths and data", paths=True, data=True),
            _arm("paths alone", paths=True, data=False),
            _arm("data alone", paths=False, data=True),
        ),
        (
            Claim(
                "Gradients have a smaller variance at equal weights",
                "P",
                of("paths and data", "variance, uniform", "uniform: variance"),
                of("paths and data", "variance, by gradients", "by gradients: variance"),
            ),
            _ranks_better("paths and data", "Both together rank better"),
            _ranks_better("paths alone", "Paths alone rank better"),
            _ranks_better("data alone", "Data alone rank better"),
        ),
        columns=("tau", "rank of top 3", "mean accuracy", "passes"),
        notes=(
            "Losses are not divided by how often images are drawn, as in the authors' code; the "
            "two gradients whose variance is compared have different means.",
        ),
    ),
]
