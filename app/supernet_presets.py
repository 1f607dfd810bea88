"""Trainings of a supernet to begin with, one for each recipe: quick ones, on small images.

The authors' settings are for data sets such as CIFAR-10 and for days; these show a method in
minutes on one core. The form says what was changed, and takes it back with one click.
"""

from typing import Any

from search.catalogue import Catalogue, Plugin

Draft = dict[str, Any]
PREFIX = "supernet: "
SPACES = ("cell_27", "elastic_tiny", "cell_64", "nasbench201")  # the first that fits
STRATEGIES = ("nsga2", "random")
OBJECTIVES = ("supernet_validation_accuracy", "macs")
TRIALS = 200
# By the name of a parameter, for every recipe that has it and says nothing else below.
QUICK: dict[str, Any] = {"epochs": 30, "batch_size": 64}
# A step of these runs several subnets, or all weights of the supernet.
SLOW = {"epochs": 12}
QUICK_OF: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        ("alphanet", "attentivenas", "bignas", "deps", "mixture_of_supernets", "sandwich"), SLOW
    ),
    "few_shot": {"epochs": 15, "member_epochs": 10},
    "gradient_matching": {
        "epochs": 8,
        "epochs_between": 8,
        "last_epochs": 12,
        "batches": 5,
    },
    "shiftnas": {**SLOW, "warmup_epochs": 3, "every": 10},
}


def presets(catalogue: Catalogue, data: str) -> dict[str, Draft]:
    """Drafts by name; a recipe that cannot train any of the small spaces is left out.

    Args:
        catalogue: what is offered.
        data: the name of the data set.
    """
    offered = {p.name for p in catalogue.plugins if p.kind in ("inherited", "cost", "proxy")}
    objectives = [{"metric": name} for name in OBJECTIVES if name in offered]
    strategy = next((name for name in STRATEGIES if name in catalogue.names("strategy")), None)
    if not objectives or objectives[0]["metric"] != OBJECTIVES[0] or strategy is None:
        return {}
    listed = "exhaustive" if "exhaustive" in catalogue.names("strategy") else strategy
    made = {}
    for plugin in catalogue.plugins:
        space = _space(plugin, catalogue) if plugin.kind == "recipe" else None
        if space is not None:
            recipe = {"name": plugin.name, "params": quick(plugin)}
            num = _size(space, catalogue)
            made[f"{PREFIX}{plugin.name}"] = {
                "name": f"{space} {plugin.name}",
                "space": {"name": space},
                "data": {"name": data},
                "objectives": [dict(objective) for objective in objectives],
                "strategy": {"name": strategy if num > TRIALS else listed},
                "supernet": {"recipe": recipe},
                "budget": {"trials": min(num, TRIALS)},
            }
    return made


def quick(plugin: Plugin) -> dict[str, Any]:
    """The parameters of a quick training, as far as they differ from the authors' settings."""
    properties = plugin.parameters.get("properties", {})
    wanted = {**QUICK, **QUICK_OF.get(plugin.name, {})}
    return {
        name: value
        for name, value in wanted.items()
        if name in properties and properties[name].get("default") != value
    }


def _size(space: str, catalogue: Catalogue) -> int:
    plugin = catalogue.plugin("space", space)
    return int(plugin.traits.get("size") or TRIALS + 1) if plugin else TRIALS + 1


def _space(plugin: Plugin, catalogue: Catalogue) -> str | None:
    fitting = set(plugin.traits.get("spaces") or ()) & set(catalogue.names("mixture"))
    known = fitting & set(catalogue.names("space"))
    return next((name for name in SPACES if name in known), None)
