"""Multiply-adds of one image; what NAS-Bench-201 calls FLOPs."""

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
    source="counted layer by layer from shapes alone",
)
def macs(probe: Probe, /) -> Measurement:
    """Multiply-adds of convolutions and linear layers for one image, dead edges included.

    Norms, pools, biases and additions are not counted.
    """
    return Measurement(float(probe.num_macs), {"method": "counted"})
