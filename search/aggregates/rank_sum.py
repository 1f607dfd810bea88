"""Sum of ranks, as TE-NAS combines two scores (Chen et al., 2021, arXiv:2102.11535)."""

from search.aggregates import Floats, aggregates, combines, ranks


@aggregates.register
@combines(source="arXiv:2102.11535, with the mean rank for ties", evidence="derived")
def rank_sum(turned_NK: Floats, /) -> Floats:
    """Sum of the ranks among the population, over the metrics that one chooses."""
    sum_N: Floats = ranks(turned_NK).sum(axis=1)
    return sum_N
