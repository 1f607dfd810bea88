"""Empirical Fisher information of the channels (Turner et al., 2020, arXiv:1906.04113)."""

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    needs_labels=True,
    passes="one forward, one backward",
    fails_on="0 when the network is constant; of a layer that reads tokens every token is a "
    "channel",
    source="Turner et al. (2020), as summed by zero-cost-nas",
)
def fisher(probe: Probe, /) -> float:
    """Half the mean squared activation times gradient of every channel, weighted by its fan-in.

    The reference spreads a channel's value over all of its weights before it adds up.
    """
    return sum(
        0.5 * float(u_BO.square().mean(dim=0).sum()) * probe.weights[name][0].numel()
        for name, u_BO in probe.channel_products
    )
