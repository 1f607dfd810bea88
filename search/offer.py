"""What this process can run: the catalogue that a worker reports."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import psutil
import torch

from search.catalogue import Catalogue, Device, Plugin, PluginKind
from search.conditions import hardware
from search.costs import costs
from search.datasets import Dataset, availability, datasets
from search.inherited import inherited
from search.networks import content_of, networks
from search.parameters import schema_of
from search.plugins import foreign_digest, summary, use_plugins
from search.proxies import proxies
from search.spaces import spaces
from search.strategies import Strategy, is_independent, strategies, takes_warm_start
from search.strategies import unfit_reason as unfit_strategy
from search.supernets.mixtures import mixtures
from search.supernets.recipes import RecipeMaker, origin_of, recipes, unfit_reason
from search.trainings import trainings
from search.traits import traits_of


def offer(data_dir: Path, plugin_dir: Path | None = None) -> Catalogue:
    """Plug-ins with their schemas and traits, devices and data sets; tables are left out.

    Args:
        data_dir: where data sets lie.
        plugin_dir: a team's own plug-ins.

    Raises:
        DataError: a plug-in of the team cannot be loaded.
    """
    if plugin_dir is not None:
        use_plugins(plugin_dir)
    plugins = [
        *_spaces(),
        *_networks(),
        *_strategies(),
        *_metrics(),
        *_supernets(),
        *_datasets(data_dir),
    ]
    return Catalogue(plugins=tuple(plugins), devices=tuple(_devices()))


def _plugin(
    kind: PluginKind,
    name: str,
    plugin: Callable[..., Any],
    traits: Mapping[str, Any] | None = None,
) -> Plugin:
    return Plugin(
        kind=kind,
        name=name,
        summary=summary(plugin),
        parameters=schema_of(plugin),
        source=foreign_digest(plugin),
        traits=dict(traits or {}),
    )


def _spaces() -> Iterator[Plugin]:
    for name, space in spaces.items():
        traits = {"size": space.size, "equivalences": list(space.equivalences)}
        source = foreign_digest(space)
        yield Plugin(kind="space", name=name, summary=summary(space), source=source, traits=traits)


def _networks() -> Iterator[Plugin]:
    for name, builder in networks.items():
        yield _plugin("network", name, builder, {"needs_data": content_of(builder)})


def _strategies() -> Iterator[Plugin]:
    for name, strategy in strategies.items():
        yield _plugin("strategy", name, strategy, _strategy_traits(strategy))


def _strategy_traits(strategy: type[Strategy]) -> dict[str, Any]:
    reasons = {name: unfit_strategy(strategy, space) for name, space in spaces.items()}
    return {
        "visits_once": strategy.visits_once,
        "is_independent": is_independent(strategy),
        "takes_warm_start": takes_warm_start(strategy),
        "unfit": {name: reason for name, reason in reasons.items() if reason is not None},
    }


def _metrics() -> Iterator[Plugin]:
    for name, proxy in proxies.items():
        yield _plugin("proxy", name, proxy, traits_of(proxy).as_json())
    for name, cost in costs.items():
        yield _plugin("cost", name, cost, traits_of(cost).as_json())
    for name, training in trainings.items():
        yield _plugin("training", name, training, traits_of(training).as_json())
    for name, metric in inherited.items():
        yield _plugin("inherited", name, metric, traits_of(metric).as_json())


def _supernets() -> Iterator[Plugin]:
    for name, builder in mixtures.items():
        yield _plugin("mixture", name, builder)
    for name, maker in recipes.items():
        yield _plugin("recipe", name, maker, _recipe_traits(maker))


def _recipe_traits(maker: RecipeMaker) -> dict[str, Any]:
    reasons = {name: unfit_reason(maker(), name) for name in mixtures}
    origin = origin_of(maker)
    return {
        "spaces": [name for name, reason in reasons.items() if reason is None],
        "unfit": {name: reason for name, reason in reasons.items() if reason is not None},
        "evidence": origin.evidence,
        "source": origin.source,
    }


def _datasets(data_dir: Path) -> Iterator[Plugin]:
    for name, dataset in datasets.items():
        yield _dataset(name, dataset, data_dir)


def _dataset(name: str, dataset: Dataset, data_dir: Path) -> Plugin:
    found = availability(dataset, data_dir)
    plugin = _plugin("dataset", name, dataset, {"available": found.info is not None})
    schema = deepcopy(plugin.parameters)
    for parameter, values in found.choices.items():
        if values:
            schema["properties"][parameter] |= {"enum": list(values), "default": values[0]}
    if found.info is None:
        traits: dict[str, Any] = {"available": False, "reason": found.reason}
    else:
        traits = {
            "available": True,
            "content": found.info.content,
            "shape": list(found.info.shape),
            "num_classes": found.info.num_classes,
            "num_train": found.info.num_train,
            "num_test": found.info.num_test,
            "digest": found.info.digest,
        }
    return plugin.model_copy(update={"parameters": schema, "traits": traits})


def _devices() -> Iterator[Device]:
    cpu = torch.device("cpu")
    memory_mb = psutil.virtual_memory().total >> 20
    threads = torch.get_num_threads()
    yield Device(type="cpu", name=hardware(cpu), memory_mb=memory_mb, threads=threads)
    if torch.cuda.is_available():
        for place in range(torch.cuda.device_count()):
            seen = torch.cuda.get_device_properties(place)
            yield Device(type="gpu", name=seen.name, memory_mb=seen.total_memory >> 20)
