"""What the probes of a supernet are known by: benchmarks, trainings alone, costs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy.orm import Session

from app.board.series import BASELINES, Piece, Series, protocol_of
from app.board.values import OK, held
from app.measures import Measure, measures_of
from app.ranking import Truth
from db import jobs, trials
from db.memory import KnownScore
from db.models import Job
from search.catalogue import Catalogue, TableColumn, TableInfo
from search.spaces import spaces

STANDALONE, COST, TABLE = "standalone", "cost", "table"
MAX_JOBS = 60  # the newest that have looked at the probes
MAX_SCORES = 20_000
SMALL = 1_000  # architectures of a space, all of which are asked for


@dataclass(frozen=True)
class Known:
    """What can be held against inherited accuracies.

    Attributes:
        truths: that have at least one of the probes; those first that are likely meant, then
            those with the most.
        baselines: ``params`` and ``macs``, as far as anybody has counted them.
    """

    truths: tuple[Truth, ...]
    baselines: tuple[Truth, ...]


def known(session: Session, space: str, archs: Sequence[str], catalogue: Catalogue) -> Known:
    """Ask the record what it has of these architectures, and of all of a small space.

    Args:
        session: reads.
        space: of the architectures.
        archs: in the space's text form.
        catalogue: has the benchmarks, and the units.
    """
    size = spaces[space].size
    small = [
        spaces[space].encode(spaces[space].at(k)) for k in range(size if size <= SMALL else 0)
    ]
    ids = _ids(space, list(dict.fromkeys([*archs, *small])))
    tables = [one for table in catalogue.tables for one in _in_table(table, space, ids)]
    scores = trials.scores_of_archs(session, ids, limit=MAX_SCORES)
    recorded = [_whole(one, ids, size) for one in _recorded(session, scores, ids, catalogue)]
    alone = [one for one in recorded if one.kind == STANDALONE]
    everything = [one for one in (*alone, *tables) if one.values]
    truths = [one for one in everything if _baseline(one) is None]
    costs = [one for one in (*recorded, *tables) if _baseline(one) is not None and one.values]
    return Known(
        tuple(sorted(truths, key=_likeness)),
        _widest(costs),
    )


def _likeness(one: Truth) -> tuple[bool, bool, int]:
    """Trainings alone first, then accuracies of benchmarks, then whatever else those have."""
    return one.kind != STANDALONE, not one.looks_true, -len(one.values)


def _whole(one: Truth, ids: Mapping[str, Sequence[str]], size: int) -> Truth:
    """With the values of the whole space, if all of them are known."""
    values = [one.values[texts[0]] for texts in ids.values() if texts[0] in one.values]
    return replace(one, space_N=np.array(values)) if len(values) == len(ids) == size else one


def _ids(space: str, archs: Sequence[str]) -> dict[str, list[str]]:
    """The texts of architectures by their ids; what the space does not read is left out.

    Several texts may mean one architecture.
    """
    known = spaces[space]
    found: dict[str, list[str]] = {}
    for text in archs:
        try:
            arch_id = trials.arch_id(space, known.key(known.decode(text)))
        except ValueError:  # of an older version of the space
            continue
        found.setdefault(arch_id, []).append(text)
    return found


def _in_table(table: TableInfo, space: str, ids: Mapping[str, Sequence[str]]) -> Iterator[Truth]:
    if table.space != space or not ids:
        return
    ids_N = np.array([arch_id.encode() for arch_id in sorted(ids)])
    for column in table.columns:
        series = _series(table, column)
        found = held(series)
        places_N = found.places_of(ids_N)
        values = {
            text: float(found.values[place])
            for arch_id, place in zip(ids_N, places_N, strict=True)
            if place >= 0 and found.statuses[place] == OK
            for text in ids[arch_id.decode()]
        }
        protocol = f"benchmark {table.name}"
        space_N = found.values[found.statuses == OK]
        yield Truth(
            column.name,
            TABLE,
            protocol,
            column.unit,
            column.direction,
            values,
            space_N,
            looks_true=series.looks_true,
            dataset=column.dataset,
        )


def _series(table: TableInfo, column: TableColumn) -> Series:
    piece = Piece(table=table.name, digest=table.digest, column=column.name)
    return Series(column.name, TABLE, TABLE, column.direction, "", pieces=(piece,))


def _recorded(
    session: Session,
    scores: Sequence[KnownScore],
    ids: Mapping[str, Sequence[str]],
    catalogue: Catalogue,
) -> list[Truth]:
    """One for each measure and protocol; seeds are pooled, the newest value counts."""
    wanted = [s for s in scores if s.kind in (STANDALONE, COST) and s.value is not None]
    numbers = list(dict.fromkeys(score.job_id for score in wanted))[:MAX_JOBS]
    found_jobs = {number: jobs.job(session, number) for number in numbers}
    about = {number: _about(job, catalogue) for number, job in found_jobs.items()}
    values: dict[tuple[Measure, str, str], dict[str, float]] = {}
    for score in wanted:
        if (described := about.get(score.job_id, {}).get(score.objective)) is not None:
            key = (*described, score.kind)
            for text in ids[score.arch_id]:
                values.setdefault(key, {}).setdefault(text, score.value or 0.0)
    return [
        Truth(measure.name, kind, protocol, measure.unit, measure.direction, of_probes)
        for (measure, protocol, kind), of_probes in values.items()
    ]


def _about(job: Job, catalogue: Catalogue) -> dict[str, tuple[Measure, str]]:
    """By objective: the measure, whatever its place, and its protocol in words."""
    return {
        m.name: (
            Measure(0, m.name, m.metric, m.direction, m.unit),
            protocol_of(job, m, m.kind, catalogue, pool_seeds=True),
        )
        for m in measures_of(job.spec, catalogue)
    }


def _baseline(one: Truth) -> str | None:
    """``params`` or ``macs`` when it counts those."""
    found = (base for base, names in BASELINES.items() if one.name.lower() in names)
    return next(found, None)


def _widest(costs: Sequence[Truth]) -> tuple[Truth, ...]:
    """Of each baseline the column that has most probes, whatever its source calls it."""
    made = []
    for base in BASELINES:
        same = [one for one in costs if _baseline(one) == base]
        if same:
            made.append(replace(max(same, key=lambda one: len(one.values)), name=base))
    return tuple(made)
