"""Log-rank sum, with which AZ-NAS combines scores (Lee and Ham, 2024, arXiv:2403.19232)."""

import numpy as np

from search.aggregates import Floats, aggregates, combines, ranks


@aggregates.register
@combines(source="cvlab-yonsei/AZ-NAS, over metrics of one's choice", evidence="derived")
def log_rank(turned_NK: Floats, /) -> Floats:
    """Sum of log(rank / N) over the metrics that one chooses: last in one of them costs much."""
    sum_N: Floats = np.log(ranks(turned_NK) / len(turned_NK)).sum(axis=1)
    return sum_N
