"""AZ-NAS: how many directions the features fill (Lee and Ham, 2024, arXiv:2403.19232)."""

from typing import Annotated

from pydantic import Field

from search.block_statistics import block_statistics
from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(
    equivalence="pruned",
    depends_on=("network", "seed", "environment"),
    passes="one forward of noise; shared by the parts",
    fails_on="nan when a block's output is constant, as in disconnected cells; not defined for "
    "networks that do not name their feature_blocks",
    source="Lee and Ham (2024), cvlab-yonsei/AZ-NAS; one of its four parts",
)
def az_expressivity(
    probe: Probe, /, *, images: Annotated[int, Field(ge=2, le=1024)] = 64
) -> float:
    """Sum over stem and blocks of the entropy of the spectrum of their output's covariance.

    Args:
        probe: whose network; neither its images nor its labels are read.
        images: of noise.
    """
    return sum(probe.once(block_statistics, images).entropies)
