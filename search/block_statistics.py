"""What AZ-NAS asks of the outputs of blocks (Lee and Ham, 2024, arXiv:2403.19232).

Blocks give maps, B x C x H x W, or tokens, B x T x C; tokens are taken like pixels.
Shapes: B images, C channels, H height, W width, T tokens; N pixels or tokens of all images; I and
O channels before and after a block.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from search.errors import NotApplicableError
from search.features import feature_blocks
from search.passes import all_watched, gradients_of
from search.probe import Probe

EPS_ENTROPY = 1e-8
EPS_SPREAD = 1e-6


@dataclass(frozen=True)
class BlockStatistics:
    """Of the stem and the blocks of a network, in order.

    Attributes:
        entropies: of the spectrum of each output's covariance.
        trainabilities: of each block after the stem; 0 is best.
    """

    entropies: tuple[float, ...]
    trainabilities: tuple[float, ...]


def block_statistics(probe: Probe, images: int) -> BlockStatistics:
    """One pass of noise, and one backward through every block by itself.

    Weights are drawn anew, normal with variance two over the fan-in (Kaiming).

    Raises:
        NotApplicableError: the network does not name its blocks, or they give neither maps nor
            tokens.
    """
    features: list[Tensor] = []  # of each block, what came out
    leaves: list[Tensor] = []  # the same, cut off from it, for the next block to read

    def cut(y: Tensor) -> Tensor:
        features.append(y)
        leaves.append(y.detach().requires_grad_())
        return leaves[-1]

    parameters = probe.redrawn("kaiming_fan_in", "az")
    with all_watched(feature_blocks(probe.network), cut):
        probe.run(parameters, probe.noise(images, "az"))
    if {feature.ndim for feature in features} not in ({3}, {4}):
        raise NotApplicableError("the blocks of the network give neither maps nor tokens")
    generator = probe.generator("signs", "az")
    return BlockStatistics(
        tuple(entropy(leaf.detach()) for leaf in leaves),
        tuple(_trainability(a, b, generator) for a, b in zip(leaves, features[1:], strict=False)),
    )


def entropy(feature: Tensor) -> float:
    """Of the shares of the eigenvalues of the covariance of channels, in nats."""
    rows_NC = _rows(feature)
    rows_NC = rows_NC - rows_NC.mean(dim=0)
    return spectral_entropy((rows_NC.T @ rows_NC).double() / len(rows_NC))


def spectral_entropy(covariance_CC: Tensor) -> float:
    """Of the shares of the eigenvalues of a covariance, in nats; nan if all are 0."""
    if not covariance_CC.isfinite().all():
        return math.nan
    eigenvalues_C = torch.linalg.eigvalsh(covariance_CC).clamp(min=0)
    shares_C = eigenvalues_C / eigenvalues_C.sum()
    return float(-(shares_C * (shares_C + EPS_ENTROPY).log()).sum())


def _trainability(before: Tensor, after: Tensor, generator: torch.Generator) -> float:
    if not (before.isfinite().all() and after.isfinite().all()):
        return math.nan
    signs = torch.randint(2, after.shape, generator=generator).mul_(2).sub_(1)
    g_after = signs.to(after)
    (g_before,) = gradients_of((after * g_after).sum(), [before])
    if before.shape == after.shape and torch.equal(g_before, g_after):
        return -math.inf  # the block is the identity
    return trainability(_of_equal_size(g_before, g_after), g_after)


def trainability(g_before: Tensor, g_after: Tensor) -> float:
    """How near the largest singular value of a block's Jacobian is to 1, by signs sent back.

    Args:
        g_before: what comes out before the block.
        g_after: the signs, after the block.
    """
    g_NI, g_NO = _rows(g_before), _rows(g_after)
    product_IO = (g_NI.T @ g_NO).double() / len(g_NO)
    if not product_IO.isfinite().all():
        return math.nan
    sigma = float(torch.linalg.matrix_norm(product_IO, ord=2))
    return -sigma - 1 / (sigma + EPS_SPREAD) + 2


def _of_equal_size(g_before: Tensor, g_after: Tensor) -> Tensor:
    """Where a block makes maps smaller, its inputs' pixels side by side as channels.

    What a pixel of the output has no input for, at the lower and right edge, is 0.
    """
    if g_after.ndim == 3:
        return g_before
    small, large = _size(g_after), _size(g_before)
    if large == small:
        return g_before
    factor = math.ceil(large[0] / small[0])
    if [math.ceil(side / factor) for side in large] != list(small):
        raise NotApplicableError(f"a block turns maps of {large} into maps of {small} pixels")
    rest = [side * factor - old for side, old in zip(small, large, strict=True)]
    return F.pixel_unshuffle(F.pad(g_before, (0, rest[1], 0, rest[0])), factor)


def _rows(feature: Tensor) -> Tensor:
    """Channels of every pixel or token of every image, N x C."""
    if feature.ndim == 3:
        return feature.flatten(0, 1)
    return feature.permute(0, 2, 3, 1).flatten(0, 2)


def _size(feature_BCHW: Tensor) -> tuple[int, int]:
    return int(feature_BCHW.shape[2]), int(feature_BCHW.shape[3])


def least_growth(values: Sequence[float]) -> float:
    """The least difference of one value to the one before it; nan if any is."""
    return float(torch.tensor(values, dtype=torch.float64).diff().min())
