"""How much gradients differ from batch to batch at fixed weights, as PA&DA has it measured.

Lu et al. (2023), arXiv:2302.14772: drawing operations and images by their gradients is to make
this smaller than drawing all alike. Shapes: B images, C channels, H height, W width.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from search.seeds import seed_of
from search.supernets.mix import Mix, onehot
from search.supernets.paths import uniform_draw
from search.supernets.steps import Labelled
from search.supernets.supernet import BATCH_NORMS, Supernet
from search.supernets.training import Training

BATCHES = 8  # of each kind of draw
MOST = 0.1  # of the passes of a training that may be spent on this


def gradient_variance(net: Supernet, drawn: Iterable[tuple[Mix, Labelled]]) -> float:
    """Trace of the covariance of the gradients of mean losses; nothing of the net changes.

    Args:
        net: at whose weights.
        drawn: what a step would train, and on which images; two at least.
    """
    parameters = [p for p in net.parameters() if p.requires_grad]
    sums = [torch.zeros_like(p) for p in parameters]
    squares, count = torch.zeros((), device=sums[0].device), 0  # the device is waited for once
    for mix, (x_BCHW, y_B) in drawn:
        loss = cross_entropy(net(x_BCHW, mix, BATCH_NORMS), y_B)
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
        for total, gradient in zip(sums, found, strict=True):
            if gradient is not None:
                total += gradient
                squares += gradient.square().sum()
        count += 1
    of_mean = torch.stack([total.square().sum() for total in sums]).sum() / count
    return float(squares - of_mean) / (count - 1)


def is_affordable(training: Training, num_looks: int) -> bool:
    """So many looks take no more than a tenth of the training's passes."""
    return 2 * BATCHES * num_looks <= MOST * training.num_steps


def variances(training: Training) -> dict[str, float]:
    """As the training draws now, and as if it drew all operations and images alike.

    Draws come from a generator of this step's own, so that the training's draws stay as they are.
    """
    net = training.net
    rng = np.random.default_rng(seed_of("variance", training.steps_done))
    size, count = training.recipe.batch_size, len(training.trained)
    alike = uniform_draw(net.space)

    def batch(places: np.ndarray) -> Labelled:
        return training.trained.batch(places, rng)

    as_drawn = [
        (onehot(arch), batch(training.data.redrawn(size, rng)))
        for arch in (training.paths.redrawn(rng) for _ in range(BATCHES))
        if arch is not None
    ]
    uniform = [
        (onehot(alike(rng)), batch(rng.permutation(count)[:size])) for _ in range(len(as_drawn))
    ]
    kinds = {"as drawn": as_drawn, "uniform": uniform}
    return {name: gradient_variance(net, drawn) for name, drawn in kinds.items() if drawn}
