"""What measures of inherited accuracy have in common."""

from typing import Annotated

from pydantic import Field

from search.traits import declares

NUM_BATCHES = 64  # of the calibration, in AttentiveNAS's code (Wang et al., 2021)

CalibrationBatches = Annotated[
    int, Field(ge=1, le=1000, description="Batches that a subnet's norms are calibrated on.")
]
CalibrationSize = Annotated[int, Field(ge=2, le=4096, description="Images of such a batch.")]

of_subnets = declares(
    unit="%",
    depends_on=("network", "dataset", "environment", "supernet"),
    needs_data="images",
    needs_labels=True,
    needs_supernet=True,
    passes="forward, over the calibration batches and the evaluated part",
    batch_norm="eval",
    fails_on="a rank among subnets is only as good as the supernet",
    source="Guo et al. (2020), arXiv:1904.00420: inherited weights, recalibrated norms",
)
