"""Which trials of a search to train, and the draft of the search that trains them.

Proxies are believed when they rank what was trained: chosen over all ranks of a measure, a few
architectures tell more than the best ones alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from app.measures import Measure
from db.trials import Columns
from search.catalogue import Catalogue
from search.spaces import spaces
from search.tables import Table

Draft = dict[str, Any]
MAX_CHECKED = 200
MAX_COUNTED = 2_000  # archs of a benchmark that are listed
MAX_METRICS = 8
SAMPLE = 24
METRICS = ("accuracy", "bits_per_character")
KEPT = ("space", "network", "data", "device", "seed")


def spread(columns: Columns, measure: Measure, num: int, *, seed: int) -> list[int]:
    """Numbers of trials that are spread over the ranks of a measure, one drawn from each part."""
    values_N = columns.values[:, measure.place]
    rows_N = np.flatnonzero(np.isfinite(values_N))
    by_rank_N = rows_N[np.argsort(measure.sign * values_N[rows_N], kind="stable")]
    rng = np.random.default_rng(seed)
    parts = np.array_split(by_rank_N, min(num, len(by_rank_N))) if len(by_rank_N) else []
    return sorted(int(columns.numbers[rng.choice(part)]) for part in parts)


def at_random(columns: Columns, num: int, *, seed: int) -> list[int]:
    """Numbers of different trials, drawn at random."""
    rows = np.random.default_rng(seed).permutation(len(columns))[:num]
    return sorted(columns.numbers[rows].tolist())


def numbers_text(numbers: Iterable[int]) -> str:
    """How an address spells trials."""
    return ",".join(map(str, list(dict.fromkeys(numbers))[:MAX_CHECKED]))


def read_numbers(text: str) -> list[int]:
    """The trials of an address; what makes no sense is left out."""
    found = [int(part) for part in text.split(",") if part.isascii() and part.isdigit()]
    return [number for number in dict.fromkeys(found) if number < 2**31][:MAX_CHECKED]


def read_metrics(text: str) -> list[str]:
    """The measures of an address, such as ``params,macs``."""
    return [name for name in dict.fromkeys(text.split(",")) if name][:MAX_METRICS]


def draft_of(
    spec: Mapping[str, Any],
    archs: Sequence[str],
    catalogue: Catalogue,
    metrics: Sequence[str] = (),
) -> Draft:
    """A search that trains these architectures on the network and data of another.

    Args:
        spec: of the other search.
        archs: in the space's text form.
        catalogue: says which trainings fit the data.
        metrics: what to measure in place of a training.
    """
    chosen = list(dict.fromkeys(archs))
    kept = {name: spec[name] for name in KEPT if spec.get(name) not in (None, {})}
    return {
        "name": _title(spec, metrics),
        **kept,
        "objectives": [{"metric": name} for name in metrics]
        or objectives(catalogue, str(spec["data"]["name"])),
        "strategy": {"name": "listed", "params": {"archs": chosen}},
        "budget": {"trials": len(chosen)},
    }


def draft_of_table(table: Table, metrics: Sequence[str], catalogue: Catalogue) -> Draft:
    """A search that measures the architectures of a benchmark, on the networks of its space.

    All of the space when the benchmark has most of it; else its architectures listed, or a
    random draw of as many as a spec should hold.

    Args:
        table: the benchmark.
        metrics: what to measure.
        catalogue: says which data sets fit.
    """
    space = spaces[table.info.space]
    num = space.size
    strategy: Draft = {"name": "exhaustive"}
    if 2 * len(table.indices) < space.size:
        chosen = np.random.default_rng(0).permutation(table.indices)[:MAX_COUNTED].tolist()
        archs = [space.encode(space.at(index)) for index in sorted(chosen)]
        num, strategy = len(archs), {"name": "listed", "params": {"archs": archs}}
    return {
        "name": f"{' and '.join(metrics)}: benchmark {table.info.name}"[:120],
        "space": {"name": table.info.space},
        "data": {"name": _data_for(table.info.space, catalogue), "batch_size": 2},
        "objectives": [{"metric": name} for name in metrics],
        "strategy": strategy,
        "budget": {"trials": num},
    }


def _data_for(space: str, catalogue: Catalogue) -> str:
    """What networks of a space read: the images of most benchmarks if they are here."""
    network = catalogue.plugin("network", space)
    needed = network.traits.get("needs_data", "any") if network else "any"
    fitting = [
        plugin.name
        for plugin in catalogue.plugins
        if plugin.kind == "dataset"
        and plugin.traits.get("available", True)
        and needed in ("any", plugin.traits.get("content", "images"))
    ]
    wanted = [name for name in ("cifar10", "digits") if name in fitting]
    return next(iter([*wanted, *fitting]), "digits")


def draft_again(spec: Mapping[str, Any], num_trials: int, metrics: Sequence[str]) -> Draft:
    """A search that looks at the architectures of another, whose strategy asks for no results.

    Args:
        spec: of the other search; the seed and the strategy are kept, so its archs come again.
        num_trials: how many it has looked at.
        metrics: what to measure.
    """
    kept = {name: spec[name] for name in KEPT if spec.get(name) not in (None, {})}
    return {
        "name": _title(spec, metrics),
        **kept,
        "objectives": [{"metric": name} for name in metrics],
        "strategy": spec["strategy"],
        "budget": {"trials": num_trials},
    }


def _title(spec: Mapping[str, Any], metrics: Sequence[str]) -> str:
    what = " and ".join(metrics) if metrics else "Train to check"
    return f"{what}: {spec['name']}"[:120]


def objectives(catalogue: Catalogue, data: str) -> list[dict[str, Any]]:
    """The training that tells most about a data set, among those that are offered."""
    dataset = catalogue.plugin("dataset", data)
    content = dataset.traits.get("content", "images") if dataset else "images"
    plugins = [catalogue.plugin("training", name) for name in METRICS]
    fitting = [
        plugin
        for plugin in plugins
        if plugin is not None and plugin.traits.get("needs_data", "any") in ("any", content)
    ]
    exact = [plugin for plugin in fitting if plugin.traits.get("needs_data") == content]
    return [{"metric": plugin.name} for plugin in [*exact, *fitting][:1]]
