"""The board: which score agrees with the truth, joined by architecture from several sources."""
