"""Logarithm of synaptic flow (Tanaka et al., 2020, arXiv:2006.05467), as NASLib returns it."""

import math

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
    fails_on="-inf when input and output are not connected; nan where the flow overflows",
    source="NASLib, whose logsynflow it is; ranks as synflow does",
)
def synflow_log(probe: Probe, /) -> float:
    """Logarithm of the sum over weights of weight times gradient, as synflow has it."""
    flow = sum(float(flow.abs().sum()) for flow in probe.ones_pass.values())
    return -math.inf if flow == 0 else math.log(flow)
