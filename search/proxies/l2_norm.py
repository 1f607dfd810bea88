"""Sum of the layers' weight norms (Abdelfattah et al., 2021, arXiv:2101.08134)."""

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    depends_on=("network", "seed"),
    passes="none",
    batch_norm="none",
    fails_on="ties between archs with equal layers",
    source="Abdelfattah et al. (2021), zero-cost-nas",
)
def l2_norm(probe: Probe, /) -> float:
    """Sum over convolution and linear layers of the L2 norm of the weights.

    Shared between identical encodings only: layers on dead edges count.
    """
    return sum(float(weight.norm()) for weight in probe.weights.values())
