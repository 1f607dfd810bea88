"""Bootstrap intervals as error bars."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from search.correlation import Estimate


def whiskers(found: Sequence[Estimate], **style: Any) -> dict[str, Any] | None:  # noqa: ANN401
    """Error bars in Plotly's terms, with its *style*; None while no estimate has an interval."""
    if all(e.low is None for e in found):
        return None
    above = [0.0 if e.value is None or e.high is None else e.high - e.value for e in found]
    below = [0.0 if e.value is None or e.low is None else e.value - e.low for e in found]
    return {
        "type": "data",
        "symmetric": False,
        "array": np.maximum(above, 0).astype(np.float32),
        "arrayminus": np.maximum(below, 0).astype(np.float32),
        "thickness": 1.4,
        **style,
    }
