"""Aggregates: one value for each architecture out of several scores of a whole population.

They say how architectures stand among each other, so they change as a search grows. They are
computed anew from a search's columns and never stored as if they were scores of one network.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from search.registry import Registry

Floats = NDArray[np.float64]
Evidence = Literal["code", "paper", "derived", "reconstruction", "memory", "ours"]

F = TypeVar("F", bound=Callable[..., Any])
_ATTRIBUTE = "archfront_combination"


@dataclass(frozen=True, kw_only=True)
class Combination:
    """What an aggregate declares.

    Attributes:
        components: the metrics that it is made of; empty when any will do.
        source: paper or code that the definition follows.
        evidence: how sure the definition is; ``ours`` when no paper has it.
    """

    components: tuple[str, ...] = ()
    source: str
    evidence: Evidence = "code"


class Aggregate(Protocol):
    """Values of K metrics over N architectures become N values; higher is better in both."""

    def __call__(self, turned_NK: Floats, /) -> Floats:
        """Combine; minus infinity stands for a value that is undefined and ranks last.

        The order of metrics is that of the declared components, if any are declared.
        """


aggregates: Registry[Aggregate] = Registry(__name__)


def combines(**declared: Any) -> Callable[[F], F]:  # noqa: ANN401  # checked by Combination
    """Declare what an aggregate is; keyword arguments as in :class:`Combination`."""
    combination = Combination(**declared)

    def attach(aggregate: F) -> F:
        setattr(aggregate, _ATTRIBUTE, combination)
        return aggregate

    return attach


def combination_of(aggregate: Aggregate) -> Combination:
    """What *aggregate* declares."""
    combination: Combination = getattr(aggregate, _ATTRIBUTE)
    return combination


def ranks(turned_NK: Floats) -> Floats:
    """Rank of every value in its column, from 1 for the worst to N; ties have the mean rank."""
    ranks_NK = np.empty(turned_NK.shape, np.float64)
    for column in range(turned_NK.shape[1]):
        _, groups_N, sizes_G = np.unique(
            turned_NK[:, column], return_inverse=True, return_counts=True
        )
        mean_rank_G = sizes_G.cumsum() - (sizes_G - 1) / 2
        ranks_NK[:, column] = mean_rank_G[groups_N]
    return ranks_NK
