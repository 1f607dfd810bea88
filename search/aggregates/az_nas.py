"""AZ-NAS: log-rank sum of its four parts (Lee and Ham, 2024, arXiv:2403.19232)."""

import numpy as np

from search.aggregates import Floats, aggregates, combines, ranks


@aggregates.register
@combines(
    components=("az_expressivity", "az_progressivity", "az_trainability", "az_complexity"),
    source="arXiv:2403.19232; cvlab-yonsei/AZ-NAS",
)
def az_nas(turned_NK: Floats, /) -> Floats:
    """Sum of log(rank / N) of expressivity, progressivity, trainability and complexity."""
    sum_N: Floats = np.log(ranks(turned_NK) / len(turned_NK)).sum(axis=1)
    return sum_N
