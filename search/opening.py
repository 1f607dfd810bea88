"""What a run works with, made from its spec: meters, conditions, strategy, clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search.conditions import Conditions, conditions
from search.errors import SpecError
from search.meters import Meter, TableMeter, meter, needs_supernet
from search.parameters import bind
from search.seeds import seed_of
from search.spaces import Space
from search.spec import Spec
from search.strategies import Beginner, Strategy, strategies
from search.supernets.trained import TrainedSupernet
from search.tables import Table
from search.warm_start import WarmStarted

if TYPE_CHECKING:
    from search.export.exporter import Exporter


def meters_of(spec: Spec, space: Space, tables: Mapping[str, Table]) -> list[Meter]:
    """One meter for each objective.

    Raises:
        SpecError: an objective does not fit what is here, with its field.
    """
    meters: list[Meter] = []
    for place, objective in enumerate(spec.objectives):
        try:
            meters.append(meter(objective, space=space, tables=tables))
            if spec.supernet is None and needs_supernet(meters[-1]):
                raise SpecError({"metric": f"{objective.metric} reads a trained supernet"})
        except SpecError as error:
            raise SpecError(
                {f"objectives.{place}.{path}": why for path, why in error.fields.items()}
            ) from None
    return meters


def conditions_of(
    spec: Spec,
    meters: Sequence[Meter],
    data_dir: Path,
    device: str,
    trained: TrainedSupernet | None = None,
) -> Conditions | None:
    """Under which to measure; None when everything is looked up, so that no data is needed.

    Args:
        spec: of the run.
        meters: of its objectives.
        data_dir: where data sets lie.
        device: where to measure.
        trained: the supernet; None while there is none, and what needs it is not measured.

    Raises:
        DataError: data is missing or broken.
    """
    if all(isinstance(m, TableMeter) for m in meters):
        return None
    return conditions(spec, data_dir=data_dir, device=device, trained=trained)


def strategy_of(spec: Spec, space: Space) -> Strategy:
    """The strategy at its beginning, with the pool that it begins from, if any.

    Raises:
        SpecError: a parameter is wrong, or the strategy takes no warm start.
    """
    kind = strategies[spec.strategy.name]
    rng = np.random.default_rng(seed_of(spec.seed, "strategy"))
    strategy = kind(space, rng, **bind(kind, spec.strategy.params))
    warm = spec.warm_start
    if warm is None:
        return strategy
    if not isinstance(strategy, Beginner):
        raise SpecError({"warm_start": f"{spec.strategy.name} takes no warm start"})
    rng = np.random.default_rng(seed_of(spec.seed, "warm start"))
    return WarmStarted(strategy, space, rng, objective=warm.objective - 1, pool=warm.pool)


@dataclass(frozen=True)
class Clock:
    """Simulated seconds that an evaluation takes.

    Attributes:
        place: of the objective whose scoring takes this time.
        meter: of that objective.
    """

    place: int
    meter: TableMeter

    def seconds(self, index: int) -> float:
        """For the arch of this number; 0 where the benchmark says nothing."""
        assert self.meter.clock is not None
        return self.meter.clock(index) or 0.0


def clock_of(meters: Sequence[Meter]) -> Clock | None:
    """The clock of the first objective from a benchmark that has one."""
    clocks = (
        Clock(place, m)
        for place, m in enumerate(meters)
        if isinstance(m, TableMeter) and m.clock is not None
    )
    return next(clocks, None)


def num_trials_of(spec: Spec, space: Space) -> int | None:
    """How many full trials there will be at most; None when only time bounds them."""
    visits_once = strategies[spec.strategy.name].visits_once
    limits = [spec.budget.trials, space.size if visits_once else None]
    return min((limit for limit in limits if limit is not None), default=None)


def pool_of(spec: Spec, space: Space) -> int:
    """How many archs are screened before the strategy begins."""
    return 0 if spec.warm_start is None else min(spec.warm_start.pool, space.size)


def exporter_of(
    spec: Spec, meters: Sequence[Meter], conditions: Conditions | None, data_dir: Path
) -> "Exporter | None":
    """What writes the networks of trials; None where none is wanted.

    Args:
        spec: of the run.
        meters: of its objectives.
        conditions: under which they are measured.
        data_dir: where artifacts lie.

    Raises:
        SpecError: the objective that is named has no weights.
    """
    if spec.export is None:
        return None
    from search.export.exporter import Exporter  # takes a while to import

    return Exporter(spec, meters, conditions, data_dir)
