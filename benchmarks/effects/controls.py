"""Controls: methods set to do nothing equal their baseline, and the truth ranks itself."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from benchmarks.effects.images import Sets, digits
from benchmarks.effects.protocol import Bench
from benchmarks.effects.supernets import new_net, train
from search.supernets.losses import HardLabel
from search.supernets.ranking import kendall_tau
from search.supernets.recipe import Recipe
from search.supernets.recipes import recipes

NUM_IMAGES, EPOCHS = 192, 2  # three steps an epoch


@dataclass(frozen=True)
class Control:
    """Two recipes that must give equal weights, bit for bit.

    Attributes:
        space: of the supernet.
        text: for people.
        method: with its identity setting.
        baseline: what it must equal.
    """

    space: str
    text: str
    method: Callable[[], Recipe]
    baseline: Callable[[], Recipe]


def _spos(**changes: object) -> Recipe:
    return replace(recipes["spos"](epochs=EPOCHS), **changes)


def _sandwich(num_mid: int) -> Recipe:
    return recipes["sandwich"](epochs=EPOCHS, batch_size=64, num_mid=num_mid)


def _panda() -> Recipe:
    made = recipes["panda"](
        epochs=EPOCHS, batch_size=64, weighs_paths=False, weighs_data=False, affine=True
    )
    plain = _spos()
    return replace(made, lr=plain.lr, optimiser=plain.optimiser, norms=plain.norms)


def _matching() -> Recipe:
    made = recipes["gradient_matching"](epochs=EPOCHS, splits=0, affine=True)
    return replace(made, optimiser=_spos().optimiser)


def _few_shot() -> Recipe:
    made = recipes["few_shot"](epochs=EPOCHS, batch_size=64, clip_norm=5.0, affine=True)
    return replace(made, optimiser=_spos().optimiser, phases=())


def _one_group() -> Recipe:
    return recipes["deeper_insights"](epochs=EPOCHS, sharing="similar_groups", groups=1)


def _bignas() -> Recipe:
    made = recipes["bignas"](
        epochs=EPOCHS,
        batch_size=64,
        dropout=0.0,
        drop_path=0.0,
        smoothing=0.0,
        starts_as_identity=False,
    )
    return replace(made, lr=_sandwich(2).lr)


def _one_expert() -> Recipe:
    return recipes["mixture_of_supernets"](epochs=EPOCHS, batch_size=64, experts=1, smoothing=0.0)


def _uniform_shift() -> Recipe:
    return recipes["shiftnas"](epochs=EPOCHS, shifts=False)


CONTROLS = {
    "panda": Control("cell_27", "PA&DA that weighs neither paths nor data is SPOS", _panda, _spos),
    "deeper_insights": Control(
        "cell_27",
        "one group of similar networks is a supernet that all share",
        _one_group,
        lambda: recipes["deeper_insights"](epochs=EPOCHS),
    ),
    "gradient_matching": Control(
        "cell_27", "gradient matching without a split is SPOS", _matching, _spos
    ),
    "few_shot": Control("cell_27", "few-shot before its split is SPOS", _few_shot, _spos),
    "bignas": Control(
        "elastic_tiny",
        "BigNAS without its refinements is the sandwich",
        _bignas,
        lambda: _sandwich(2),
    ),
    "mixture_of_supernets": Control(
        "elastic_tiny",
        "one expert is the entangled sandwich",
        _one_expert,
        lambda: replace(_sandwich(1), loss=HardLabel),
    ),
    "shiftnas": Control(
        "elastic_tiny",
        "ShiftNAS that draws uniformly is SPOS",
        _uniform_shift,
        lambda: _spos(source="entangled"),
    ),
}


def holds(control: Control) -> bool:
    """Whether both give equal weights after a few steps."""
    first, second = (
        _weights(control.space, make()) for make in (control.method, control.baseline)
    )
    return len(first) == len(second) and all(map(torch.equal, first, second))


def oracle_tau(bench: Bench, table: str) -> float | None:
    """Of a table's accuracies with themselves."""
    return kendall_tau(bench.truth(table), bench.truth(table))


def _weights(space: str, recipe: Recipe) -> list[torch.Tensor]:
    sets = digits()
    few = Sets((sets.train[0][:NUM_IMAGES], sets.train[1][:NUM_IMAGES]), sets.test, sets.test)
    trained = train(new_net(space, recipe, few, 0), recipe, few, 0)
    return [parameter.detach() for parameter in trained.net.parameters()]
