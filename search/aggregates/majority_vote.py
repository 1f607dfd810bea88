"""Majority vote of three proxies (Abdelfattah et al., 2021, arXiv:2101.08134)."""

import numpy as np

from search.aggregates import Floats, aggregates, combines

MAX_PAIRS = 250_000_000  # at most so many are looked at


@aggregates.register
@combines(
    components=("synflow", "jacob_cov", "snip"),
    source="arXiv:2101.08134 votes on pairs of archs; the share of pairs won is derived from it",
    evidence="derived",
)
def majority_vote(turned_NK: Floats, /) -> Floats:
    """Share of the other archs that it beats, by at least two of synflow, jacob_cov and snip.

    Votes on pairs may go round in a circle, so that they give no order by themselves; the share
    of won pairs does. Of more than 15,000 archs each meets every second, third, ... of the
    others only, in the order in which they stand.
    """
    num = len(turned_NK)
    step = max(1, -(-num * num // MAX_PAIRS))
    opponents_MK = turned_NK[::step]
    needed = turned_NK.shape[1] // 2 + 1
    won_N = np.empty(num)
    chunk = max(1, 4_000_000 // len(opponents_MK))
    for start in range(0, num, chunk):
        votes = np.zeros((min(chunk, num - start), len(opponents_MK)), np.int8)
        for own_N, theirs_M in zip(
            turned_NK[start : start + chunk].T, opponents_MK.T, strict=True
        ):
            votes += own_N[:, None] > theirs_M
        won_N[start : start + chunk] = (votes >= needed).sum(axis=1)
    is_own_opponent_N = np.arange(num) % step == 0
    met_N = np.maximum(len(opponents_MK) - is_own_opponent_N, 1)
    share_N: Floats = won_N / met_N
    return share_N
