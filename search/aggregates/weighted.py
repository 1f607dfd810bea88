"""What if: ranks under weights that a person sets. No paper has it."""

from typing import Annotated

import numpy as np
from pydantic import Field

from search.aggregates import Floats, aggregates, combines, ranks

Weight = Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)]


@aggregates.register
@combines(source="Archfront's own: what one would get with these weights", evidence="ours")
def weighted(turned_NK: Floats, /, *, weights: tuple[Weight, ...] = ()) -> Floats:
    """Mean of rank / N with these weights, one for each metric; 1 each when there are none.

    Raises:
        ValueError: another number of weights than of metrics, or all of them are 0.
    """
    weights_K = np.array(weights or (1.0,) * turned_NK.shape[1])
    if len(weights_K) != turned_NK.shape[1]:
        raise ValueError(f"{len(weights_K)} weights cannot belong to {turned_NK.shape[1]} metrics")
    if not weights_K.sum() > 0:
        raise ValueError("at least one weight must be above 0")
    mean_N: Floats = ranks(turned_NK) @ weights_K / (weights_K.sum() * len(turned_NK))
    return mean_N
