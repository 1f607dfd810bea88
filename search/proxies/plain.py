"""Sum of weight times gradient, signed (Abdelfattah et al., 2021, arXiv:2101.08134)."""

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    needs_labels=True,
    passes="one forward, one backward",
    fails_on="weak: batch norm makes the terms of most layers cancel",
    source="Abdelfattah et al. (2021), zero-cost-nas",
)
def plain(probe: Probe, /) -> float:
    """Sum over convolution and linear weights of weight times cross-entropy gradient."""
    gradients = probe.weight_gradients
    return sum(float((weight * gradients[name]).sum()) for name, weight in probe.weights.items())
