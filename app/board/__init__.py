"""The board: which score agrees with the truth, joined by architecture from several sources."""

MAX_RESAMPLES = 10_000  # that may be asked for
