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

Draft = dict[str, Any]
MAX_CHECKED = 200
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


def draft_of(spec: Mapping[str, Any], archs: Sequence[str], catalogue: Catalogue) -> Draft:
    """A search that trains these architectures on the network and data of another.

    Args:
        spec: of the other search.
        archs: in the space's text form.
        catalogue: says which trainings fit the data.
    """
    chosen = list(dict.fromkeys(archs))
    kept = {name: spec[name] for name in KEPT if spec.get(name) not in (None, {})}
    return {
        "name": f"Train to check: {spec['name']}"[:120],
        **kept,
        "objectives": objectives(catalogue, str(spec["data"]["name"])),
        "strategy": {"name": "listed", "params": {"archs": chosen}},
        "budget": {"trials": len(chosen)},
    }


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
