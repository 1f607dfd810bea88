"""The objectives of a search as pages show them: with unit, kind and direction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app import wording
from search.catalogue import Catalogue, PluginKind
from search.traits import Direction

KINDS: dict[PluginKind, str] = {
    "cost": "cost",
    "proxy": "proxy",
    "training": "standalone",
    "inherited": "supernet",
}


@dataclass(frozen=True)
class Measure:
    """One objective of a job.

    Attributes:
        place: where it stands in the spec; scores are stored under it.
        metric: the proxy, cost, training or inherited measure, or ``table``.
        note: what must be said wherever the name shows, such as that its definition is
            a reconstruction; empty otherwise.
    """

    place: int
    name: str
    metric: str
    direction: Direction
    unit: str = ""
    kind: str = ""
    note: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def title(self) -> str:
        """Name and unit."""
        return wording.titled(self.name, self.unit)

    @property
    def sign(self) -> float:
        """What a value is multiplied with so that lower is better."""
        return 1.0 if self.direction == "minimize" else -1.0

    @property
    def wish(self) -> str:
        """Which way is better, in words."""
        return "lower is better" if self.direction == "minimize" else "higher is better"

    def is_better(self, first: float, second: float) -> bool:
        """Whether the first value beats the second."""
        return self.sign * first < self.sign * second


def measures_of(spec: Mapping[str, Any], catalogue: Catalogue) -> tuple[Measure, ...]:
    """The objectives of a stored spec, in its order; units as far as somebody offers them."""
    return tuple(
        _measure(place, part, catalogue) for place, part in enumerate(spec.get("objectives", ()))
    )


def default_axes(measures: Sequence[Measure]) -> tuple[Measure, Measure]:
    """What to draw first: a cost to the right and the first other measure upwards."""
    across = next((m for m in measures if m.kind == "cost"), None)
    upwards = next((m for m in measures if m is not across), measures[0])
    across = across or next((m for m in measures if m is not upwards), measures[0])
    return across, upwards


def _measure(place: int, part: Mapping[str, Any], catalogue: Catalogue) -> Measure:
    metric = str(part.get("metric", part["name"]))
    traits, kind = _traits(part, metric, catalogue)
    evidence = traits.get("evidence", "code")
    return Measure(
        place=place,
        name=part["name"],
        metric=metric,
        direction=part.get("direction") or traits.get("direction", "maximize"),
        unit=traits.get("unit", ""),
        kind=kind,
        note=evidence if evidence in ("reconstruction", "memory") else "",
        at_least=part.get("at_least"),
        at_most=part.get("at_most"),
    )


def _traits(
    part: Mapping[str, Any], metric: str, catalogue: Catalogue
) -> tuple[Mapping[str, Any], str]:
    params = part.get("params") or {}
    if metric == "table":
        table = catalogue.table(str(params.get("table")))
        columns = {column.name: column for column in table.columns} if table else {}
        column = columns.get(str(params.get("column")))
        return (column.model_dump() if column else {}), "table"
    for plugin_kind, kind in KINDS.items():
        plugin = catalogue.plugin(plugin_kind, metric)
        if plugin is not None:
            return plugin.traits, "supernet" if plugin.traits.get("needs_supernet") else kind
    return {}, ""
