"""How well a supernet ranks architectures: measures besides those of every proxy.

How to Train Your Super-Net (Yu et al., 2020, arXiv:2003.04276), from a later code base by the
same author; Deeper Insights (Zhang et al., 2020, arXiv:2001.01431), code.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from search.spaces import Arch


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's tau-b; None where one side has a single value throughout."""
    from scipy.stats import kendalltau

    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    return float(kendalltau(first, second).statistic)


def sparse_tau(
    truth: Sequence[float], scores: Sequence[float], *, grid: float = 1e-3
) -> float | None:
    """Tau-b after the truth was rounded, so that differences that are mere noise are ties.

    Args:
        truth: accuracies of networks trained alone, 0 to 1.
        scores: of the same architectures.
        grid: what the truth is rounded to.
    """
    return kendall_tau(_bins(truth, grid), scores)


def sparse_tau_of_sorted(
    truth: Sequence[float], scores: Sequence[float], *, grid: float = 1e-3
) -> float | None:
    """The same as the authors' code computes it, which is slightly different.

    Tau-b between the rounded truth in ascending order, and the rounded truth in the order of the
    scores.
    """
    bins = _bins(truth, grid)
    return kendall_tau(sorted(bins), [bins[place] for place in np.argsort(scores, kind="stable")])


def tau_between_runs(runs: Sequence[Mapping[Arch, float]]) -> list[float | None]:
    """Tau between every pair of runs, over the architectures that both have: the S-tau."""
    found = []
    for first, second in combinations(runs, 2):
        both = [arch for arch in first if arch in second]
        found.append(kendall_tau([first[a] for a in both], [second[a] for a in both]))
    return found


def best_rank_of_top(truth: Sequence[float], scores: Sequence[float], k: int) -> int:
    """The best true rank, from 1, among the *k* architectures of the highest scores."""
    order = np.argsort(-np.asarray(scores), kind="stable")[:k]
    values = np.asarray(truth)
    return int(min((values > values[place]).sum() for place in order)) + 1


def probability_to_beat_random(rank: int, num_archs: int, *, draws: int = 10) -> float:
    """How probably an architecture is better than all of some that are drawn at random: P>R.

    As the paper defines it; the authors' code raises the ascending rank's share instead.

    Args:
        rank: true rank of the architecture, 1 for the best.
        num_archs: how many there are.
        draws: how many are drawn, with replacement.

    Raises:
        ValueError: there is no such rank.
    """
    if not 1 <= rank <= num_archs:
        raise ValueError(f"of {num_archs} architectures none has rank {rank}")
    return (1 - rank / num_archs) ** draws


def _bins(values: Sequence[float], grid: float) -> list[int]:
    bins: list[int] = np.rint(np.asarray(values) / grid).astype(int).tolist()
    return bins
