"""What recipes with a sandwich have in common: the settings of AttentiveNAS's and AlphaNet's code.

Wang et al. (2021), arXiv:2011.09011 and arXiv:2102.07954.
"""

from typing import Literal

from search.supernets.losses import Divergence, HardLabel, InplaceDistillation
from search.supernets.noise import DropsIn
from search.supernets.recipe import Dropping
from search.supernets.schedules import Schedule, cosine
from search.supernets.updates import Clip, Optimiser

EPOCHS, BATCH_SIZE, LR, WEIGHT_DECAY = 360, 256, 0.1, 1e-5  # the rate is for batches of 256
WARMUP, WARMUP_FACTOR = 5, 0.001
DROPOUT, DROP_PATH, SMOOTHING, CLIP_VALUE = 0.2, 0.2, 0.1, 1.0


def distillation(smoothing: float, divergence: Divergence | None = None) -> InplaceDistillation:
    """The largest learns from smoothed labels, the others from it."""
    return InplaceDistillation(HardLabel(smoothing), divergence)


def rate(lr: float, epochs: int) -> Schedule:
    """A rise over five epochs, or a tenth of a short training, then half a cosine to 0."""
    return cosine(lr, warmup=warmup(epochs), warmup_factor=WARMUP_FACTOR)


def warmup(epochs: int) -> float:
    """Epochs of the rise."""
    return min(WARMUP, epochs / 10)


def dropping(dropout: float, drop_path: float, drops_in: DropsIn) -> Dropping:
    """For the largest alone."""
    return Dropping(dropout, drop_path, ("max",), drops_in)


def optimiser(weight_decay: float, kind: Literal["sgd", "adamw"] = "sgd") -> Optimiser:
    """Nesterov's or AdamW, with a decay of weights alone."""
    return Optimiser(kind, 0.9, nesterov=True, weight_decay=weight_decay, decays_all=False)


def value_clip(limit: float) -> Clip | None:
    """A limit of every entry; none at 0."""
    return Clip("value", limit) if limit else None
