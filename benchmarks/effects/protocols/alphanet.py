"""Section 2: AlphaNet on E-digits."""

from functools import partial

from benchmarks.effects.elastic import PLAIN, accuracies, entropy_gap, probes, train_elastic
from benchmarks.effects.protocol import Arm, Bench, Claim, Effect, Measures, Results, Term, of
from search.supernets.recipes import recipes
from search.supernets.supernet import smallest


def alphanet(bench: Bench, seed: int, *, alpha_minus: float, **params: float) -> Measures:
    """Train with two orders; with both at 1 this is the KL divergence."""
    recipe = recipes["alphanet"](alpha_minus=alpha_minus, drops_in="all_stages", **params)
    trained = train_elastic(recipe, seed)
    return accuracies(trained) | {
        "entropy gap of the smallest": entropy_gap(trained, [smallest(trained.net.space)]),
        "entropy gap of the middle": entropy_gap(trained, probes()),
    }


def _size(arm: str, measure: str) -> Term:
    def value(results: Results, seed: int) -> float:
        return abs(results[arm][seed][measure])

    return Term(f"{arm}: size of the {measure}, nats", value)


EFFECTS = [
    Effect(
        "alphanet",
        2,
        "AlphaNet: adaptive alpha divergence",
        "E-digits, the authors' settings of everything else. The adaptive divergence of orders "
        "-1 and 1 beside the KL divergence. The entropy gap is the mean entropy of a subnet's "
        "outputs less that of the largest's; its size measures calibration to the teacher.",
        "equal passes",
        (
            Arm("adaptive", partial(alphanet, alpha_minus=-1.0, **PLAIN)),
            Arm("KL", partial(alphanet, alpha_minus=1.0, **PLAIN)),
        ),
        (
            Claim(
                "The smallest subnet is more accurate",
                "P",
                of("adaptive", "smallest"),
                of("KL", "smallest"),
            ),
            Claim(
                "Middle subnets are more accurate",
                "P",
                of("adaptive", "middle"),
                of("KL", "middle"),
            ),
            Claim(
                "Entropies of middle subnets are nearer to the teacher's",
                "P",
                _size("KL", "entropy gap of the middle"),
                _size("adaptive", "entropy gap of the middle"),
            ),
        ),
        columns=(
            "smallest",
            "middle",
            "largest",
            "entropy gap of the smallest",
            "entropy gap of the middle",
            "passes",
        ),
        notes=("A small gain is expected, of a point at most.",),
    ),
]
