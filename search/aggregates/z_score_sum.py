"""Sum of standard scores. No paper has it; it is the plainest sum there is, for comparison."""

import numpy as np

from search.aggregates import Floats, aggregates, combines


@aggregates.register
@combines(source="Archfront's own, for comparison", evidence="ours")
def z_score_sum(turned_NK: Floats, /) -> Floats:
    """Sum of (value - mean) / standard deviation; an undefined value counts as the worst one."""
    is_known_NK = np.isfinite(turned_NK)
    worst_K = np.where(is_known_NK, turned_NK, np.inf).min(axis=0)
    filled_NK = np.where(is_known_NK, turned_NK, np.where(np.isfinite(worst_K), worst_K, 0))
    _, exponent_K = np.frexp(np.abs(filled_NK).max(axis=0))
    filled_NK = np.ldexp(filled_NK, -exponent_K)  # or squares would leave what floats can hold
    spread_K = filled_NK.std(axis=0)
    centred_NK = filled_NK - filled_NK.mean(axis=0)
    sum_N: Floats = (centred_NK / np.where(spread_K > 0, spread_K, 1)).sum(axis=1)
    return sum_N
