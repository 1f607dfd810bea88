"""Cells of three edges with one of three operations: 27, few enough to train each alone.

The 64 cells of Zhang et al. (2020), arXiv:2001.01431, made smaller still; our own choice.
"""

from search.spaces import spaces
from search.spaces._cells import CellSpace

OPERATIONS = ("conv_3x3", "dep_conv_3x3", "max_pool_3x3")
CHANNELS, CELLS = 8, 2  # of the network builder


class Cell27(CellSpace):
    """Two small cells in a row; each of three edges is one of three operations."""


cell_27 = Cell27("cell_27", OPERATIONS, {"channels": CHANNELS, "cells": CELLS})
spaces.register(cell_27)
