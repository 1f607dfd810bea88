"""How removing weights changes the gradient flow (Wang et al., 2020, arXiv:2002.07376)."""

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    needs_labels=True,
    passes="one forward, one backward, one Hessian-vector product",
    fails_on="terms of both signs cancel: small values are noise; nan in the second derivative",
    source="Wang et al. (2020), as summed and negated by zero-cost-nas, temperature 1",
)
def grasp(probe: Probe, /) -> float:
    """Minus the sum over weights of weight times (Hessian times gradient).

    The Hessian is symmetric, so that this is minus gradient times (Hessian times weights).
    """
    return -probe.curvature
