"""Sum of the layers' gradient norms (Abdelfattah et al., 2021, arXiv:2101.08134)."""

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    needs_labels=True,
    passes="one forward, one backward",
    fails_on="0 or nan when the network is constant",
    source="Abdelfattah et al. (2021), zero-cost-nas",
)
def grad_norm(probe: Probe, /) -> float:
    """Sum over convolution and linear layers of the L2 norm of the cross-entropy gradient."""
    return sum(float(gradient.norm()) for gradient in probe.weight_gradients.values())
