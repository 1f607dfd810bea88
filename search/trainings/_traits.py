"""What measures of the same training declare, whichever part they are evaluated on."""

from typing import Any

from search.traits import declares

_OF_TRAININGS: dict[str, Any] = {
    "needs_labels": True,
    "passes": "forward and backward, epochs of the training part",
    "batch_norm": "train",
    "fails_on": "a training that diverges has no value",
}

alone_on_images = declares(
    **_OF_TRAININGS,
    unit="%",
    depends_on=("network", "dataset", "seed", "environment"),
    source="top-1, as in image classification; the last epoch's weights",
)
alone_on_text = declares(
    **_OF_TRAININGS,
    direction="minimize",
    unit="bits",
    needs_data="text",
    depends_on=("network", "dataset", "seed", "environment"),
    source="mean cross entropy over ln 2; the last epoch's weights",
)
fine_tuned = declares(
    **_OF_TRAININGS,
    unit="%",
    depends_on=("network", "dataset", "seed", "environment", "supernet"),
    needs_data="images",
    needs_supernet=True,
    source="top-1 after fine-tuning of a subnet, as in Cai et al. (2020), arXiv:1908.09791",
    evidence="derived",
)
