"""The columns of a board: what each measures, of which kind and under which protocol."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.orm import Session

from app.board.sources import Found
from app.measures import Measure, measures_of
from db.benchmarks import benchmarks
from db.job_list import JobFilter, jobs_page
from db.kinds import kinds
from db.models import Job
from search.aggregates import aggregates, combination_of
from search.catalogue import Catalogue, TableInfo
from search.traits import Direction

EVERYTHING = ("network", "data", "dataset", "supernet", "seed", "environment")
_OF_TRAINING = ("validation_share", "crop_padding", "flip")  # what decides a supernet's weights
BASELINES = {
    "params": ("params", "num_params", "parameters"),
    "macs": ("macs", "flops", "multiply_adds"),
}
# What a reader of a published figure must know besides.
REMARKS = {
    "epsinas": "Depends on the batch: .842 to .907 over batches where .869 is published, and "
    "undefined for two fifths of NAS-Bench-201."
}
_TRUTHS = re.compile(r"acc|valid|test|top_?1|loss|perplex|error", re.IGNORECASE)
_TIMES = ("s", "ms")
MAX_ELSEWHERE = 200  # searches of the space that are looked through


@dataclass(frozen=True)
class Piece:
    """Where values lie: an objective of a search, or a column of a benchmark.

    Attributes:
        job_id: of the search, at this version; 0 for a benchmark.
        place: of the objective.
        table: the benchmark, with its digest and the column.
    """

    job_id: int = 0
    version: int = 0
    place: int = 0
    table: str = ""
    digest: str = ""
    column: str = ""


@dataclass(frozen=True)
class Series:
    """One column of a board.

    Attributes:
        name: of the objective or the column.
        metric: the proxy or cost, or ``table``.
        protocol: under which it was measured, in words; scores under different protocols are
            never one series unless a person pools seeds.
        note: evidence that must be said wherever the name shows; empty otherwise.
        pieces: where its values are; of several for one architecture the first counts.
        averages: several values of one architecture, of several seeds, count by their mean.
        aggregate: the aggregate that it is, made of *parts*; empty for scores.
        dataset: that a column of a benchmark is of; empty where it is not recorded.
    """

    name: str
    metric: str
    kind: str
    direction: Direction
    protocol: str
    unit: str = ""
    note: str = ""
    pieces: tuple[Piece, ...] = ()
    averages: bool = False
    aggregate: str = ""
    parts: tuple["Series", ...] = field(default=(), repr=False)
    dataset: str = ""

    @property
    def key(self) -> str:
        """How addresses and commands spell it."""
        if self.pieces and self.pieces[0].table:
            return f"{self.pieces[0].table}/{self.name}"
        if self.aggregate:
            return f"aggregate/{self.name}"
        mark = hashlib.blake2b(f"{self.metric}\0{self.protocol}".encode(), digest_size=3)
        return f"{self.name}~{mark.hexdigest()}"

    @property
    def baseline(self) -> str:
        """``params`` or ``macs`` when it counts those; empty otherwise."""
        names = {self.metric.lower(), self.name.lower()}
        found = (base for base, known in BASELINES.items() if names & set(known))
        return next(found, "")

    @property
    def looks_true(self) -> bool:
        """It may be what the others should predict."""
        if self.kind in ("standalone", "supernet"):
            return True
        return self.kind == "table" and (self.unit == "%" or bool(_TRUTHS.search(self.name)))

    @property
    def remark(self) -> str:
        """What must be known of its published figure; empty for most."""
        words = {self.metric.lower(), *re.split(r"[^a-z]+", self.name.lower())}
        return next((text for name, text in REMARKS.items() if name in words), "")

    @property
    def is_proxy(self) -> bool:
        """It belongs to a board unless a person says otherwise."""
        if self.baseline or self.aggregate:
            return True
        return not self.looks_true and self.kind != "cost" and self.unit not in _TIMES

    @property
    def content(self) -> tuple[object, ...]:
        """Equal for equal values."""
        parts = tuple(part.content for part in self.parts)
        return (self.pieces, self.averages, self.aggregate, parts, self.direction)


def series_of(
    session: Session, found: Found, catalogue: Catalogue, *, pool_seeds: bool = False
) -> tuple[Series, ...]:
    """Every column that the sources have; the widest of a name first."""
    width = max((len(job.spec["objectives"]) for job in found.jobs), default=0)
    recorded = kinds(session, [job.id for job in found.jobs], width)
    merged: dict[tuple[str, ...], Series] = {}
    for series in _in_searches(found.jobs, recorded, catalogue, pool_seeds=pool_seeds):
        key = (series.name, series.metric, series.kind, series.direction, series.protocol)
        held = merged.get(key)
        merged[key] = replace(held, pieces=held.pieces + series.pieces) if held else series
    sizes = {job.id: job.num_trials for job in found.jobs}
    widest_first = sorted(
        merged.values(), key=lambda s: -sum(sizes[piece.job_id] for piece in s.pieces)
    )
    return (*widest_first, *(one for table in found.tables for one in _in_table(table)))


def counted_elsewhere(
    session: Session, found: Found, listed: Sequence[Series], catalogue: Catalogue
) -> tuple[Series, ...]:
    """Parameters and multiply-adds that the sources lack, as others of the space have them.

    From a benchmark before searches, and from those of the same network alone if the sources
    have any: what an architecture counts does not depend on who has counted it.
    """
    missing = {base for base in BASELINES if all(one.baseline != base for one in listed)}
    if not missing:
        return ()
    networks = [job.spec.get("network") for job in found.jobs]
    known = {name for base in missing for name in BASELINES[base]}
    having = tuple(
        job
        for job in jobs_page(session, JobFilter(space=found.space), per_page=MAX_ELSEWHERE).rows
        if job.num_trials
        and (not networks or job.spec.get("network") in networks)
        and known & {str(part.get("metric")) for part in job.spec["objectives"]}
    )
    infos = [TableInfo.model_validate(one.info) for one in benchmarks(session)]
    tables = tuple(info for info in infos if info.space == found.space)
    others = series_of(session, Found(found.space, having, tables), catalogue)
    first: dict[str, Series] = {}
    for one in sorted(others, key=lambda one: one.kind != "table"):
        if one.baseline in missing:
            first.setdefault(one.baseline, one)
    return tuple(first.values())


def aggregates_of(all_series: Sequence[Series], chosen: Sequence[Series]) -> tuple[Series, ...]:
    """The aggregates that can be made: of declared components, or of what is chosen."""
    by_metric: dict[str, Series] = {}
    for one in all_series:
        by_metric.setdefault(one.name if one.kind == "table" else one.metric, one)
    plain = tuple(one for one in chosen if one.is_proxy and not one.baseline)
    found = []
    for name, aggregate in aggregates.items():
        components = combination_of(aggregate).components
        parts = tuple(by_metric[c] for c in components if c in by_metric) if components else plain
        if len(parts) >= max(len(components), 2):
            found.append(_aggregate(name, parts))
    return tuple(found)


def with_key(series: Iterable[Series], key: str) -> Series | None:
    """The series that a key or a bare name means; the first of several."""
    listed = list(series)
    exact = (one for one in listed if one.key == key)
    return next(exact, next((one for one in listed if one.name == key), None))


def default_truth(series: Sequence[Series]) -> Series | None:
    """Trained alone before looked up; tests before validation."""
    candidates = [one for one in series if one.looks_true]
    order = {"standalone": 0, "table": 1, "supernet": 2}
    return min(
        candidates,
        key=lambda s: (order[s.kind], "test" not in s.name, "12ep" in s.name),
        default=None,
    )


def is_protocol_needed(one: Series, series: Sequence[Series]) -> bool:
    """Another series has its name, so that the name alone does not say which it is."""
    return sum(other.name == one.name for other in series) > 1


def _aggregate(name: str, parts: tuple[Series, ...]) -> Series:
    declared = combination_of(aggregates[name])
    return Series(
        name=name,
        metric=name,
        kind="aggregate",
        direction="maximize",
        protocol=f"over {', '.join(part.name for part in parts)}",
        note="ours" if declared.evidence == "ours" else "",
        aggregate=name,
        parts=parts,
    )


def _in_table(table: TableInfo) -> Iterator[Series]:
    for column in table.columns:
        yield Series(
            name=column.name,
            metric="table",
            kind="table",
            direction=column.direction,
            protocol=f"benchmark {table.name}",
            unit=column.unit,
            pieces=(Piece(table=table.name, digest=table.digest, column=column.name),),
            dataset=column.dataset,
        )


def _in_searches(
    jobs: Iterable[Job],
    recorded: Mapping[tuple[int, int], str],
    catalogue: Catalogue,
    *,
    pool_seeds: bool,
) -> Iterator[Series]:
    for job in jobs:
        for measure in measures_of(job.spec, catalogue):
            kind = recorded.get((job.id, measure.place), measure.kind)
            yield Series(
                name=measure.name,
                metric=measure.metric,
                kind=kind or "proxy",
                direction=measure.direction,
                protocol=protocol_of(job, measure, kind, catalogue, pool_seeds=pool_seeds),
                unit=measure.unit,
                note=measure.note,
                pieces=(Piece(job.id, job.version, measure.place),),
                averages=pool_seeds,
            )


def protocol_of(
    job: Job, measure: Measure, kind: str, catalogue: Catalogue, *, pool_seeds: bool
) -> str:
    """What decides a value besides the architecture, in words."""
    spec, part = job.spec, job.spec["objectives"][measure.place]
    params = part.get("params") or {}
    if kind == "table":
        return f"benchmark {params.get('table')}, column {params.get('column')}, as looked up"
    depends_on = _depends_on(measure.metric, catalogue)
    data = spec.get("data") or {}
    dataset = f"{data.get('name')} {_settings(data.get('params'), '')}".strip()
    seed = "seeds pooled" if pool_seeds else f"seed {spec.get('seed')}"
    words = {
        "network": f"network {_settings(spec.get('network'))}",
        "data": f"{dataset}, batch {data.get('batch_size')}",
        "dataset": "" if "data" in depends_on else dataset,
        "supernet": _supernet(spec.get("supernet") or {}, seed),
        "seed": seed,
        "environment": f"on {spec.get('device', 'cpu')}",
    }
    own = [_settings(params)] if params else []
    named = [words[name] for name in EVERYTHING if name in depends_on]
    return ", ".join(filter(None, [*own, *named]))


def _supernet(use: Mapping[str, Any], seed: str) -> str:
    """Which one: by its hash, or by how and under which seed it was trained; empty for none."""
    if checkpoint := use.get("checkpoint"):
        return f"supernet {checkpoint[:12]}"
    if not (recipe := use.get("recipe")):
        return ""
    settings = {**(recipe.get("params") or {}), **{k: use[k] for k in _OF_TRAINING if k in use}}
    return f"supernet {recipe['name']} ({_settings(settings)}; {seed})"


def _depends_on(metric: str, catalogue: Catalogue) -> Sequence[str]:
    for plugin in catalogue.plugins:
        if plugin.name == metric and "depends_on" in plugin.traits:
            return list(plugin.traits["depends_on"])
    return EVERYTHING


def _settings(params: Mapping[str, Any] | None, otherwise: str = "as is") -> str:
    return " ".join(f"{name}={value}" for name, value in sorted((params or {}).items())) or (
        otherwise
    )


def turned(one: Series) -> Series:
    """As a predictor: more parameters and multiply-adds are taken for better."""
    return replace(one, direction="maximize") if one.baseline else one
