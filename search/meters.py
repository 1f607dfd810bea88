"""Meters: the objectives of a spec, bound to what gives their values."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.costs import costs
from search.errors import SpecError
from search.events import ScoreKind
from search.inherited import inherited
from search.objectives import Aim
from search.parameters import bind
from search.plugins import is_foreign, source_digest
from search.probe import Measurement, Probe
from search.proxies import proxies
from search.spaces import Arch, Space
from search.spec import TABLE, Objective
from search.standalone.trainee import Trainee
from search.supernets.trained import TrainedSupernet
from search.tables import Table
from search.trainings import Steps, trainings
from search.traits import Traits, traits_of


@dataclass(frozen=True)
class TableMeter:
    """Looks a value up by the number of the arch in its space."""

    aim: Aim
    lookup: Callable[[int], float | None]
    clock: Callable[[int], float | None] | None


@dataclass(frozen=True)
class PluginMeter:
    """Has a plug-in give the value.

    Attributes:
        equivalence: under which archs share the value; one that the space has.
    """

    aim: Aim
    kind: ScoreKind
    metric: Callable[..., Any]
    params: dict[str, Any]
    traits: Traits
    equivalence: str
    source: str
    is_foreign: bool

    def described(self) -> dict[str, Any]:
        """What it is, as JSON, for the record."""
        return {
            "kind": self.kind,
            "metric": self.metric.__module__.rpartition(".")[2],
            "params": self.params,
            "equivalence": self.equivalence,
            "depends_on": list(self.traits.depends_on),
            "source": self.source,
        }

    def key_maker(self, conditions: Mapping[str, Any]) -> Callable[[str], str]:
        """A function from the key of an arch's class to the memory key of its score.

        Args:
            conditions: the space and what else decides the value besides arch and metric, as JSON.
        """
        content = {
            "equivalence": self.equivalence,
            "metric": [self.kind, self.metric.__module__, self.params],
            "source": self.source if self.is_foreign else "",
            "conditions": conditions,
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        prefix = hashlib.blake2b(text.encode(), digest_size=16)

        def key(class_key: str) -> str:
            whole = prefix.copy()
            whole.update(class_key.encode())
            return whole.hexdigest()

        return key


@dataclass(frozen=True)
class ProbeMeter(PluginMeter):
    """Measures a value on a probe."""

    def measure(self, probe: Probe) -> Measurement:
        """The value on this network and batch."""
        measured = self.metric(probe, **self.params)
        return measured if isinstance(measured, Measurement) else Measurement(float(measured))


@dataclass(frozen=True)
class TrainingMeter(PluginMeter):
    """Trains an architecture alone."""

    def train(self, trainee: Trainee) -> Steps:
        """The value, after pauses at which the training may be left."""
        steps: Steps = self.metric(trainee, **self.params)
        return steps


@dataclass(frozen=True)
class InheritedMeter(PluginMeter):
    """Evaluates subnets with the weights of a trained supernet."""

    def measure(self, trained: TrainedSupernet, archs: Sequence[Arch]) -> list[Measurement]:
        """The value of each."""
        measured: list[Measurement] = self.metric(trained, archs, **self.params)
        return measured


Measuring = ProbeMeter | TrainingMeter | InheritedMeter
Meter = TableMeter | Measuring


def needs_supernet(meter: Meter) -> bool:
    """It reads a trained supernet."""
    return isinstance(meter, PluginMeter) and meter.traits.needs_supernet


def meter(objective: Objective, *, space: Space, tables: Mapping[str, Table]) -> Meter:
    """Bind one objective.

    Raises:
        SpecError: there is no such metric, or a parameter is wrong; fields are relative to the
            objective.
    """
    if objective.metric == TABLE:
        return _table_meter(objective, tables)
    make, kind, metric = _plugin(objective.metric)
    traits = traits_of(metric)
    is_shared = traits.equivalence in space.equivalences
    return make(
        aim=_aim(objective, objective.direction or traits.direction),
        kind="supernet" if traits.needs_supernet else kind,
        metric=metric,
        params=_bound(metric, objective.params),
        traits=traits,
        equivalence=traits.equivalence if is_shared else space.equivalences[0],
        source=source_digest(metric),
        is_foreign=is_foreign(metric),
    )


def _plugin(name: str) -> tuple[type[Measuring], ScoreKind, Callable[..., Any]]:
    """A metric, the kind of its values unless a supernet is in them, and what measures it."""
    kinds: list[tuple[type[Measuring], ScoreKind, Mapping[str, Callable[..., Any]]]] = [
        (ProbeMeter, "proxy", proxies),
        (ProbeMeter, "cost", costs),
        (TrainingMeter, "standalone", trainings),
        (InheritedMeter, "supernet", inherited),
    ]
    found = ((make, kind, plugins[name]) for make, kind, plugins in kinds if name in plugins)
    try:
        return next(found)
    except StopIteration:
        known = ", ".join([*(known for _, _, plugins in kinds for known in plugins), TABLE])
        raise SpecError({"metric": f"there is no {name!r}; known: {known}"}) from None


def _table_meter(objective: Objective, tables: Mapping[str, Table]) -> TableMeter:
    name, column = str(objective.params.get("table")), str(objective.params.get("column"))
    if name not in tables:
        known = ", ".join(tables) or "none"
        raise SpecError({"params.table": f"there is no benchmark {name!r}; imported: {known}"})
    table = tables[name]
    columns = {c.name: c for c in table.info.columns}
    if column not in columns:
        known = ", ".join(columns)
        raise SpecError({"params.column": f"there is no {column!r} in {name}; it has: {known}"})
    return TableMeter(
        aim=_aim(objective, objective.direction or columns[column].direction),
        lookup=table.lookup(column),
        clock=table.lookup(table.info.clock) if table.info.clock else None,
    )


def _aim(objective: Objective, direction: Any) -> Aim:  # noqa: ANN401  # a Direction
    return Aim(objective.name, direction, objective.at_least, objective.at_most)


def _bound(metric: Callable[..., Any], params: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return bind(metric, params)
    except SpecError as error:
        raise SpecError({f"params.{path}": why for path, why in error.fields.items()}) from None
