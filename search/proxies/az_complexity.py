"""AZ-NAS complexity: multiply-adds as a score (Lee and Ham, 2024, arXiv:2403.19232)."""

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    depends_on=("network",),
    passes="none",
    batch_norm="none",
    fails_on="nothing; many archs tie",
    source="Lee and Ham (2024), cvlab-yonsei/AZ-NAS; one of its four parts",
)
def az_complexity(probe: Probe, /) -> float:
    """Multiply-adds of one image, more being better here; the cost macs is the same number."""
    return float(probe.num_macs)
