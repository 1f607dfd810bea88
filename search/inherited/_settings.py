"""What measures of inherited accuracy have in common."""

from typing import Annotated

from pydantic import Field

CalibrationBatches = Annotated[
    int, Field(ge=1, le=1000, description="Batches that a subnet's norms are calibrated on.")
]
CalibrationSize = Annotated[int, Field(ge=2, le=4096, description="Images of such a batch.")]
