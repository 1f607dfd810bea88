"""AZ-NAS: whether blocks keep gradients their size (Lee and Ham, 2024, arXiv:2403.19232)."""

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
    passes="one forward of noise, one backward through every block; shared by the parts",
    fails_on="-inf when a block is the identity; about -1e6 by block where it is cut off; not "
    "defined for networks that do not name their feature_blocks",
    source="Lee and Ham (2024), cvlab-yonsei/AZ-NAS; one of its four parts",
)
def az_trainability(
    probe: Probe, /, *, images: Annotated[int, Field(ge=2, le=1024)] = 64
) -> float:
    """Mean over blocks of 2 - s - 1 / s, s being about the largest singular value of the Jacobian.

    Args:
        probe: whose network; neither its images nor its labels are read.
        images: of noise.
    """
    values = probe.once(block_statistics, images).trainabilities
    return sum(values) / len(values)
