"""What workers report of supernets."""

from search.catalogue import Plugin
from tests.app.schemas import integer, schema

SPACE = "nasbench201"


def plugins() -> tuple[Plugin, ...]:
    """Recipes that fit the space, do not fit it, and are reconstructed; what reads a supernet."""
    inherits = {
        "direction": "maximize",
        "unit": "%",
        "needs_supernet": True,
        "needs_data": "images",
        "evidence": "code",
    }
    names = ("supernet_accuracy", "supernet_validation_accuracy")
    fits = {"spaces": [SPACE], "unfit": {}, "evidence": "code", "source": "Guo et al. (2020)"}
    needs_sizes = {
        "spaces": [],
        "unfit": {SPACE: "it has no largest architecture"},
        "evidence": "paper",
    }
    return (
        Plugin(kind="mixture", name=SPACE, summary="The supernet of the cells."),
        Plugin(
            kind="recipe",
            name="bignas",
            summary="Sandwich, in-place distillation.",
            parameters=schema(epochs=integer(360, 1, 10_000)),
            traits=needs_sizes,
        ),
        Plugin(
            kind="recipe",
            name="shiftnas",
            summary="A reconstruction of ShiftNAS.",
            parameters=schema(
                epochs=integer(150, 1, 10_000), warmup_epochs=integer(50, 0, 10_000)
            ),
            traits={**fits, "evidence": "reconstruction"},
        ),
        Plugin(
            kind="recipe",
            name="spos",
            summary="One path drawn uniformly.",
            parameters=schema(epochs=integer(150, 1, 10_000), batch_size=integer(64, 2, 65_536)),
            traits=fits,
        ),
        *(Plugin(kind="inherited", name=n, summary=f"{n}.", traits=inherits) for n in names),
        Plugin(
            kind="training",
            name="fine_tuned_accuracy",
            summary="Top-1 after training on.",
            parameters=schema(epochs=integer(5, 1, 1000)),
            traits=inherits,
        ),
    )
