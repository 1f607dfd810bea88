"""Number of trainable parameters."""

from search.costs import costs
from search.probe import Measurement, Probe
from search.traits import declares


@costs.register
@declares(
    direction="minimize",
    depends_on=("network",),
    passes="none",
    batch_norm="none",
    fails_on="nothing; many archs tie",
    source="counted on the network as built, dead edges included, as published tables have it",
)
def params(probe: Probe, /) -> Measurement:
    """All trainable parameters of the network, dead edges included."""
    return Measurement(float(probe.num_params), {"method": "counted"})
