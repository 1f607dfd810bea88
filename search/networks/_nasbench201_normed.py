"""NAS-Bench-201 cells with a batch norm at every node: subnets of supernets that have such norms.

The published networks have none. Shapes: B images, C channels, H height, W width.
"""

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn

from search.networks._nasbench201 import Cell, Network


class NormedCell(Cell):
    """Four nodes; each adds up what its edges make of the nodes before it, and normalises that."""

    def __init__(self, operations: Sequence[str], channels: int) -> None:
        super().__init__(operations, channels)
        targets = sorted({j for _, j in self.live_edges})
        self.norms = nn.ModuleDict({str(j): nn.BatchNorm2d(channels) for j in targets})

    def forward(self, x_BCHW: Tensor) -> Tensor:
        nodes: dict[int, Tensor] = {0: x_BCHW}
        made: dict[str, Tensor] = {}  # pools and ReLUs, shared between edges
        for j, edges in groupby(self.live_edges, lambda edge: edge[1]):
            first, *others = (self._term(edge, nodes[edge[0]], made) for edge in edges)
            nodes[j] = self.norms[str(j)](sum(others, first))
        return nodes[3] if 3 in nodes else torch.zeros_like(x_BCHW)


class NormedNetwork(Network):
    """The whole network, of cells with norms at their nodes."""

    cell = NormedCell
