"""Which choices belong together, by their gradients (Hu et al., 2022, arXiv:2203.15207), code.

Shapes: M choices, P numbers of all gradients.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from search.supernets.mix import Mix
from search.supernets.supernet import Supernet

Rule = Literal["inter", "intra"]
Floats = NDArray[np.float64]


def gradients_at(net: Supernet, place: int, mix: Mix, x_BCHW: Tensor, y_B: Tensor) -> list[Tensor]:
    """The gradient of every choice of one decision, M of P numbers.

    Of all parameters of cells, those between them included, but for those of the decision itself;
    stem and classifier do not count. Elsewhere, of all that decisions have to do with.

    Args:
        net: its own gradients are not touched.
        place: of the decision.
        mix: of the others.
        x_BCHW: images.
        y_B: their labels.
    """
    inner = [s for s in net.slots.values() if s.decisions or s.part is not None]
    slots = [s for s in inner if place not in s.decisions]
    found_in = (p for s in slots for p in net.source.parameters_of(s) if p.requires_grad)
    parameters = list(dict.fromkeys(found_in))
    found = []
    for choice in range(len(net.space.decisions[place].choices)):
        loss = F.cross_entropy(net(x_BCHW, mix.at(place, choice)), y_B)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        flat = [
            torch.zeros(p.numel(), device=p.device) if g is None else g.flatten()
            for p, g in zip(parameters, gradients, strict=True)
        ]
        found.append(torch.cat(flat))
    return found


def distances(gradients: Sequence[Tensor]) -> Floats:
    """One less the cosine, between every two choices, M x M."""
    g_MP = torch.stack(list(gradients)).double()
    norms_M = g_MP.norm(dim=1)
    similarity = g_MP @ g_MP.T / (norms_M[:, None] * norms_M + 1e-6)
    matrix: Floats = (1 - similarity).cpu().numpy()
    np.fill_diagonal(matrix, 0.0)
    return matrix


@dataclass(frozen=True)
class Partition:
    """Two groups of the choices of a decision.

    Attributes:
        intra: sum of the distances within groups.
        inter: sum of the distances between them.
    """

    groups: tuple[tuple[int, ...], tuple[int, ...]]
    intra: float
    inter: float


def best_partition(matrix: Floats, sizes: Sequence[int] = (2,)) -> Partition:
    """The two groups with the least distances within, by trying all.

    Args:
        matrix: distances, M x M.
        sizes: of the first group; NAS-Bench-201 has 2.
    """
    count = len(matrix)
    total = float(np.triu(matrix, 1).sum())
    found = []
    for size in sizes:
        for first in combinations(range(count), size):
            second = tuple(k for k in range(count) if k not in first)
            intra = sum(
                float(matrix[a, b]) for g in (first, second) for a, b in combinations(g, 2)
            )
            found.append(Partition((first, second), intra, total - intra))
    return min(found, key=lambda partition: partition.intra)


def decision_to_split(partitions: Sequence[Partition], rule: Rule = "inter") -> int:
    """Which of the decisions with these partitions is split.

    Args:
        partitions: the best of each decision.
        rule: ``inter`` takes the greatest distance between groups (the authors' code for
            NAS-Bench-201), ``intra`` the least within groups (their code for the DARTS space).
    """
    if rule == "inter":
        return int(np.argmax([partition.inter for partition in partitions]))
    return int(np.argmin([partition.intra for partition in partitions]))
