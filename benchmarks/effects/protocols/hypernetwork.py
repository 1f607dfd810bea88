"""Section 10: generated weights on K-81."""

from functools import partial

from benchmarks.effects.cells import ranking
from benchmarks.effects.images import digits
from benchmarks.effects.protocol import Arm, Bench, Claim, Effect, Measures, number, of
from benchmarks.effects.supernets import new_net, train
from search.supernets.recipes import recipes

SPACE = "conv_81"
PLAIN = {"epochs": 20, "batch_size": 64}


def one_path(bench: Bench, seed: int, *, name: str, **params: object) -> Measures:
    """Train on random subnets, and rank all 81."""
    recipe = recipes[name](**params)
    sets = digits()
    trained = train(new_net(SPACE, recipe, sets, seed), recipe, sets, seed)
    return ranking(bench, trained, table=SPACE)


EFFECTS = [
    Effect(
        "hypernetwork",
        10,
        "HyperNetworks and SMASH: generated weights",
        "K-81. One random network a step. The second layer's weights are generated from the "
        "layer and the architecture, from the layer alone, or are entangled.",
        "equal passes",
        (
            Arm(
                "generated",
                partial(one_path, name="hypernetwork", lr=3e-3, weight_decay=0.0, **PLAIN),
            ),
            Arm(
                "sees layers alone",
                partial(
                    one_path,
                    name="hypernetwork",
                    lr=3e-3,
                    weight_decay=0.0,
                    sees_archs=False,
                    **PLAIN,
                ),
            ),
            Arm("entangled", partial(one_path, name="spos", lr=0.05, source="entangled", **PLAIN)),
        ),
        (
            Claim(
                "Accuracy with generated weights agrees with the truth",
                "-",
                of("generated", "tau"),
                number(0),
                "bound",
            ),
            Claim(
                "Without seeing the architecture the agreement falls",
                "-",
                of("generated", "tau"),
                of("sees layers alone", "tau"),
            ),
            Claim(
                "Generated weights rank better than entangled ones",
                "D",
                of("generated", "tau"),
                of("entangled", "tau"),
            ),
        ),
        columns=("tau", "rank of top 3", "mean accuracy", "passes"),
        notes=("The last line is a question of ours; the papers claim no direction.",),
    ),
]
