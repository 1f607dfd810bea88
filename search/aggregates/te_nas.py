"""TE-NAS: rank sum of trainability and expressivity (Chen et al., 2021, arXiv:2102.11535)."""

from search.aggregates import Floats, aggregates, combines, ranks


@aggregates.register
@combines(
    components=("ntk_condition_number", "linear_regions"),
    source="arXiv:2102.11535; VITA-Group/TENAS, over a population instead of prunings",
    evidence="derived",
)
def te_nas(turned_NK: Floats, /) -> Floats:
    """Rank of the condition number (lower is better) plus rank of the linear regions."""
    sum_N: Floats = ranks(turned_NK).sum(axis=1)
    return sum_N
