"""A proxy of a team's own: an example, not a published score. Copy this file and rename it."""

from typing import Annotated

from pydantic import Field

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    needs_labels=True,
    passes="one forward, one backward",
    fails_on="nan when no weight has a gradient",
    source="docs/howto/use_your_own_space_and_proxy.md",
    evidence="derived",
)
def gradient_share(probe: Probe, /, *, power: Annotated[float, Field(gt=0, le=4)] = 1.0) -> float:
    """How much of the gradient's norm is outside the layer that has most of it.

    Args:
        probe: whose network, images and labels.
        power: of the norms.
    """
    norms = [float(gradient.norm()) ** power for gradient in probe.weight_gradients.values()]
    return 1 - max(norms) / sum(norms) if sum(norms) else float("nan")
