"""Sensitivity of the loss to removing single weights (Lee et al., 2019, arXiv:1810.02340)."""

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    needs_labels=True,
    passes="one forward, one backward",
    fails_on="0 when the network is constant",
    source="Lee et al. (2019), as summed by zero-cost-nas",
)
def snip(probe: Probe, /) -> float:
    """Sum over convolution and linear weights of the absolute weight times gradient.

    That is the gradient with respect to a mask of ones on the weights.
    """
    gradients = probe.weight_gradients
    return sum(
        float((weight * gradients[name]).abs().sum()) for name, weight in probe.weights.items()
    )
