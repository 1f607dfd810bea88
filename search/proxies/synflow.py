"""Synaptic flow: weight times gradient without data (Tanaka et al., 2020, arXiv:2006.05467)."""

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    depends_on=("network", "seed", "environment"),
    passes="one forward, one backward of one image of ones",
    batch_norm="off",
    dtype="float64",
    fails_on="0 when input and output are not connected",
    source="Tanaka et al. (2020), as summed by zero-cost-nas; no logarithm",
)
def synflow(probe: Probe, /) -> float:
    """Sum over weights of weight times gradient, with absolute weights and an image of ones."""
    return sum(float(flow.abs().sum()) for flow in probe.ones_pass.values())
