"""Searches to begin with, made of what is offered; a preset that lacks something is left out."""

from collections.abc import Callable
from typing import Any

from app import checking, supernet_presets
from search.catalogue import Catalogue

Draft = dict[str, Any]


def presets(catalogue: Catalogue) -> dict[str, Draft]:
    """Drafts by name, the simplest first; trainings of supernets, which are many, last."""
    made = {name: make(catalogue) for name, make in _PRESETS.items()}
    found = {name: draft for name, draft in made.items() if draft is not None}
    return {**found, **supernet_presets.presets(catalogue, _data(catalogue))}


def blank(catalogue: Catalogue) -> Draft:
    """What the form begins with: something that can be submitted as it stands, if anything can."""
    found = presets(catalogue)
    return next(iter(found.values())) if found else _draft(catalogue, "", {}, [])


def _quick_look(catalogue: Catalogue) -> Draft | None:
    objectives = _offered(catalogue, ["nwot", "macs"], at_least=1)
    if objectives is None or "random" not in catalogue.names("strategy"):
        return None
    return _draft(catalogue, "quick look", {"name": "random"}, objectives, trials=100)


def _proxy_sweep(catalogue: Catalogue) -> Draft | None:
    wanted = ["synflow", "nwot", "snip", "grad_norm", "jacob_cov", "params", "macs"]
    objectives = _offered(catalogue, wanted, at_least=2)
    if objectives is None or "exhaustive" not in catalogue.names("strategy"):
        return None
    return _draft(catalogue, "proxy sweep", {"name": "exhaustive"}, objectives, trials=1000)


def _evolution(catalogue: Catalogue) -> Draft | None:
    objectives = _offered(catalogue, ["nwot", "macs"], at_least=2)
    if objectives is None or "nsga2" not in catalogue.names("strategy"):
        return None
    return _draft(catalogue, "evolution", {"name": "nsga2"}, objectives, trials=1000)


def _table_lookup(catalogue: Catalogue) -> Draft | None:
    if not catalogue.tables or "regularized_evolution" not in catalogue.names("strategy"):
        return None
    table = catalogue.tables[0]
    column = next((c for c in table.columns if c.direction == "maximize"), table.columns[0])
    objective = {"metric": "table", "params": {"table": table.name, "column": column.name}}
    draft = _draft(
        catalogue, "table lookup", {"name": "regularized_evolution"}, [objective], trials=500
    )
    return {**draft, "space": {"name": table.space}}


def _warm_evolution(catalogue: Catalogue) -> Draft | None:
    plugin = catalogue.plugin("strategy", "regularized_evolution")
    hints = _offered(catalogue, ["epsinas", "nwot", "synflow"], at_least=1)
    draft = _table_lookup(catalogue) or _train_to_check(catalogue)
    if draft is None or hints is None or not plugin or not plugin.traits.get("takes_warm_start"):
        return None
    aims = [o for o in draft["objectives"] if o["metric"] in ("table", "accuracy")]
    if not aims:
        return None
    return {
        **draft,
        "name": f"{draft['space']['name']} warm-started evolution",
        "objectives": [aims[0], hints[0]],
        "strategy": {"name": "regularized_evolution", "params": {"guide": 2}},
        "warm_start": {"objective": 2, "pool": 1000},
        "budget": {"trials": 100 if aims[0]["metric"] == "table" else 20},
    }


def _train_to_check(catalogue: Catalogue) -> Draft | None:
    draft = _draft(catalogue, "train to check", {"name": "random"}, [], trials=12)
    objectives = checking.objectives(catalogue, draft["data"]["name"])
    if not objectives or "random" not in catalogue.names("strategy"):
        return None
    return {**draft, "network": _small(catalogue), "objectives": objectives}


def _small(catalogue: Catalogue) -> dict[str, int]:
    """Few channels and cells, so that a training takes seconds on one core."""
    network = catalogue.plugin("network", "nasbench201")
    offered = network.parameters.get("properties", {}) if network else {}
    return {name: value for name, value in (("channels", 4), ("cells", 1)) if name in offered}


_PRESETS: dict[str, Callable[[Catalogue], Draft | None]] = {
    "quick look": _quick_look,
    "proxy sweep": _proxy_sweep,
    "evolution": _evolution,
    "table lookup": _table_lookup,
    "warm-started evolution": _warm_evolution,
    "train to check": _train_to_check,
}


def _offered(catalogue: Catalogue, wanted: list[str], *, at_least: int) -> list[Any] | None:
    names = {*catalogue.names("proxy"), *catalogue.names("cost")}
    found: list[Any] = [{"metric": name} for name in wanted if name in names]
    return found if len(found) >= at_least else None


def _draft(
    catalogue: Catalogue,
    title: str,
    strategy: dict[str, Any],
    objectives: list[Any],
    trials: int = 100,
) -> Draft:
    spaces = catalogue.names("space")
    space = "nasbench201" if "nasbench201" in spaces else next(iter(spaces), "")
    return {
        "name": f"{space} {title}".strip(),
        "space": {"name": space},
        "data": {"name": _data(catalogue)},
        "objectives": objectives,
        "strategy": strategy or {"name": next(iter(catalogue.names("strategy")), "")},
        "budget": {"trials": trials},
    }


def _data(catalogue: Catalogue) -> str:
    """The smallest data set that every installation has, else the first that is there."""
    data = [
        p.name
        for p in catalogue.plugins
        if p.kind == "dataset" and p.traits.get("available", True)
    ]
    return "digits" if "digits" in data else next(iter(data), "digits")
