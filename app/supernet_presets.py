"""Trainings of a supernet to begin with, one for each recipe: quick ones, on small images.

The authors' settings are for data sets such as CIFAR-10 and for days; these show a method in
minutes on one core. The form says what was changed, and takes it back with one click.
"""

from collections.abc import Mapping
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
    made = {}
    for plugin in catalogue.plugins:
        space = _space(plugin, catalogue) if plugin.kind == "recipe" else None
        looking = _looking(space, catalogue) if space is not None else None
        if space is not None and looking is not None:
            made[f"{PREFIX}{plugin.name}"] = {
                "name": f"{space} {plugin.name}",
                "space": {"name": space},
                "data": {"name": data},
                "supernet": {"recipe": {"name": plugin.name, "params": quick(plugin)}},
                **looking,
            }
    return made


def another(info: Mapping[str, Any], digest: str, catalogue: Catalogue) -> Draft | None:
    """A search of a supernet that is trained already; None where it cannot be searched.

    Args:
        info: of the checkpoint.
        digest: of its file.
        catalogue: what is offered.
    """
    space = str(info.get("space"))
    looking = _looking(space, catalogue)
    if looking is None:
        return None
    return {
        "name": f"{space} {info.get('recipe')}, another search",
        "space": {"name": space},
        "network": info.get("network") or {},
        "data": {"name": info.get("dataset"), "params": info.get("dataset_params") or {}},
        "supernet": {"checkpoint": digest},
        **looking,
    }


def _looking(space: str, catalogue: Catalogue) -> Draft | None:
    """Objectives, strategy and budget of a search of a supernet; None where they are missing."""
    offered = {p.name for p in catalogue.plugins if p.kind in ("inherited", "cost", "proxy")}
    objectives = [{"metric": name} for name in OBJECTIVES if name in offered]
    known = catalogue.names("strategy")
    strategy = next((name for name in STRATEGIES if name in known), None)
    if not objectives or objectives[0]["metric"] != OBJECTIVES[0] or strategy is None:
        return None
    num = _size(space, catalogue)
    listed = "exhaustive" if "exhaustive" in known else strategy
    return {
        "objectives": objectives,
        "strategy": {"name": strategy if num > TRIALS else listed},
        "budget": {"trials": min(num, TRIALS)},
    }


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
