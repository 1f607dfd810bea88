"""The supernet of the 64 small cells (after Zhang et al., 2020, arXiv:2001.01431)."""

from typing import Annotated

import torch
from pydantic import Field

from search.spaces.cell_64 import CELLS, CHANNELS, cell_64
from search.supernets.mixtures import mixtures
from search.supernets.mixtures._cells import CellsSupernet
from search.supernets.sources import SourceMaker


@mixtures.register
def build(  # the protocol's four and two of its own
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    source: SourceMaker,
    generator: torch.Generator,
    channels: Annotated[int, Field(ge=1, le=256)] = CHANNELS,
    cells: Annotated[int, Field(ge=1, le=20)] = CELLS,
) -> CellsSupernet:
    """Small cells; each of three edges can be every operation."""
    return CellsSupernet(
        cell_64, shape, num_classes, source, generator, channels=channels, cells=cells
    )
