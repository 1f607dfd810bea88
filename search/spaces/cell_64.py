"""The 64 cells of Deeper Insights (Zhang et al., 2020, arXiv:2001.01431)."""

from search.spaces import spaces
from search.spaces._cells import CellSpace

OPERATIONS = ("max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_5x5")
CHANNELS, CELLS = 16, 4  # of the network builder


class Cell64(CellSpace):
    """Four cells in a row; each of three edges is one of four operations."""


cell_64 = Cell64("cell_64", OPERATIONS, {"channels": CHANNELS, "cells": CELLS})
spaces.register(cell_64)
