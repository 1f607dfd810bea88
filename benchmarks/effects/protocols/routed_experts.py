"""Section 9: mixture of supernets on E-digits."""

from functools import partial

from benchmarks.effects.elastic import PLAIN, SPACE, accuracies, probes, train_elastic
from benchmarks.effects.protocol import Arm, Bench, Claim, Effect, Measures, of
from benchmarks.effects.supernets import accuracy_of, mean
from search.supernets.recipes import recipes

NUM_PROBES = 6


def routed(bench: Bench, seed: int, *, experts: int, level: str, **params: float) -> Measures:
    """Train, and compare probes with the same networks trained alone."""
    recipe = recipes["mixture_of_supernets"](experts=experts, level=level, **params)
    trained = train_elastic(recipe, seed)
    alone = bench.truth(SPACE)[:NUM_PROBES]
    inherited = accuracy_of(trained.training, trained.sets, part="test").of_all(
        probes()[:NUM_PROBES]
    )
    gap = mean(alone) - mean(inherited)
    return accuracies(trained) | {"gap to training alone": gap}


def _less(better: str, worse: str) -> Claim:
    measure = "gap to training alone"
    return Claim(
        f"The gap is smaller with {better} than with {worse}",
        "P",
        of(worse, measure),
        of(better, measure),
    )


NEURONS, LAYERS, SHARED = "experts by neuron", "experts by layer", "entangled weights"

EFFECTS = [
    Effect(
        "routed_experts",
        9,
        "Mixture-of-Supernets: routed experts",
        "E-digits, two experts. Largest, smallest and one random subnet a step, true labels. The "
        f"gap is the mean accuracy of {NUM_PROBES} networks trained alone less that with "
        "inherited weights.",
        "equal passes",
        (
            Arm(NEURONS, partial(routed, experts=2, level="neuron", **PLAIN)),
            Arm(LAYERS, partial(routed, experts=2, level="layer", **PLAIN)),
            Arm(SHARED, partial(routed, experts=1, level="layer", **PLAIN)),
        ),
        (_less(NEURONS, LAYERS), _less(LAYERS, SHARED), _less(NEURONS, SHARED)),
        columns=("gap to training alone", "smallest", "middle", "largest", "passes"),
        notes=(
            "The authors train language models; experts of convolutions are ours. With two "
            "experts there are about twice as many parameters at equal passes.",
        ),
    ),
]
