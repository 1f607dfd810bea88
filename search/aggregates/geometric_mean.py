"""Geometric mean of ranks. No paper has it; it orders as log_rank does, on a scale from 0 to 1."""

import numpy as np

from search.aggregates import Floats, aggregates, combines, ranks


@aggregates.register
@combines(source="Archfront's own; the same order as log_rank", evidence="ours")
def geometric_mean(turned_NK: Floats, /) -> Floats:
    """Geometric mean of rank / N over the metrics that one chooses; 1 is best in everything."""
    mean_N: Floats = np.exp(np.log(ranks(turned_NK) / len(turned_NK)).mean(axis=1))
    return mean_N
