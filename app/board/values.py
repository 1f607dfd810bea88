"""The values of a board's columns by architecture, and their join."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app import cached
from app.board.series import Piece, Series
from db.benchmarks import benchmark_content
from db.columns import NO_SCORE, SCORE_STATUSES
from db.session import database_url, reading
from db.trials import Columns, arch_id
from search.aggregation import aggregate
from search.correlation import Column
from search.events import ScoreStatus
from search.spaces import spaces
from search.tables import Table

OK, UNDEFINED = SCORE_STATUSES.index("ok"), SCORE_STATUSES.index("undefined")
MISSING = SCORE_STATUSES.index("not_applicable")
MAX_ARCHS = 20_000  # on which figures rest; their intervals take seconds then
NUM_HELD = 64


@dataclass(frozen=True, eq=False)
class Held:
    """Values by architecture.

    Attributes:
        arch_ids: N of them, ascending; ids are hashes, so this order says nothing else.
        values: N, nan unless the status is ok.
        statuses: N places in SCORE_STATUSES.
    """

    arch_ids: NDArray[np.bytes_]
    values: NDArray[np.float64]
    statuses: NDArray[np.int8]

    def places_of(self, ids_N: NDArray[np.bytes_]) -> NDArray[np.intp]:
        """Where these archs are; -1 for those that are not here."""
        if not len(self.arch_ids):
            return np.full(len(ids_N), -1)
        places_N = np.searchsorted(self.arch_ids, ids_N).clip(max=len(self.arch_ids) - 1)
        return np.where(self.arch_ids[places_N] == ids_N, places_N, -1)

    def column(self, ids_N: NDArray[np.bytes_], series: Series) -> Column:
        """The values of these archs; not applicable where there is none."""
        places_N = self.places_of(ids_N)
        is_here_N = places_N >= 0
        values_N, statuses_N = np.full(len(ids_N), np.nan), np.full(len(ids_N), MISSING)
        values_N[is_here_N] = self.values[places_N[is_here_N]]
        statuses_N[is_here_N] = self.statuses[places_N[is_here_N]]
        names = [SCORE_STATUSES[status] for status in statuses_N]
        return Column(values_N, cast(list[ScoreStatus], names), series.direction)


def held(series: Series) -> Held:
    """All values of a series; kept while its searches do not change."""
    return _held((database_url(), *series.content), series)


@st.cache_resource(max_entries=NUM_HELD, show_spinner=False)
def _held(key: tuple[object, ...], _series: Series) -> Held:
    del key
    return _mixed(_series) if _series.aggregate else _read(_series)


def _read(series: Series) -> Held:
    """Of several values of one arch the first that is ok counts, else the first.

    Or, where seeds are pooled, the mean of those that are ok.
    """
    parts = [_of_benchmark(piece) if piece.table else _of_search(piece) for piece in series.pieces]
    if len(parts) == 1:
        return parts[0]
    ids_N, codes_N = np.unique(np.concatenate([p.arch_ids for p in parts]), return_inverse=True)
    values_N = np.concatenate([part.values for part in parts])
    statuses_N = np.concatenate([part.statuses for part in parts])
    first = _one_each(ids_N, codes_N, values_N, statuses_N)
    if not series.averages:
        return first
    ok_N = statuses_N == OK
    counts_U = np.bincount(codes_N[ok_N], minlength=len(ids_N))
    sums_U = np.bincount(codes_N[ok_N], values_N[ok_N], minlength=len(ids_N))
    means_U = np.divide(sums_U, counts_U, out=first.values, where=counts_U > 0)
    return Held(first.arch_ids, means_U, first.statuses)


def _one_each(
    ids_U: NDArray[np.bytes_],
    codes_N: NDArray[np.intp],
    values_N: NDArray[np.float64],
    statuses_N: NDArray[np.int8],
) -> Held:
    """Of N scores one for each of U archs, whose place a code is: the first that is ok."""
    rows_U = np.full(len(ids_U), -1)
    for is_ok in (False, True):
        rows = np.flatnonzero((statuses_N == OK) == is_ok)[::-1]
        rows_U[codes_N[rows]] = rows  # of several the last that is written stays
    has_score_U = rows_U >= 0
    rows = rows_U[has_score_U]
    return Held(ids_U[has_score_U], values_N[rows], statuses_N[rows])


def _of_search(piece: Piece) -> Held:
    columns, ids_U, codes_N = archs_of(piece.job_id, piece.version)
    rows = np.flatnonzero(columns.statuses[:, piece.place] != NO_SCORE)
    values, statuses = columns.values[rows, piece.place], columns.statuses[rows, piece.place]
    return _one_each(ids_U, codes_N[rows], values, statuses)


def archs_of(job_id: int, version: int) -> tuple[Columns, NDArray[np.bytes_], NDArray[np.intp]]:
    """The trials of a search, its U archs, ascending, and the place of each trial's among them.

    Sorting half a million ids takes a second, so that is done once for all measures.
    """
    return _archs_of(database_url(), job_id, version)


@st.cache_resource(max_entries=NUM_HELD, show_spinner=False)
def _archs_of(
    database: str, job_id: int, version: int
) -> tuple[Columns, NDArray[np.bytes_], NDArray[np.intp]]:
    del database  # a part of the key
    columns = cached.columns(job_id, version)
    ids_U, codes_N = np.unique(columns.arch_ids, return_inverse=True)
    return columns, ids_U, codes_N


def _of_benchmark(piece: Piece) -> Held:
    ids_N, table = _table(database_url(), piece.table, piece.digest)
    values_N = table.values[piece.column]
    statuses_N = np.where(np.isfinite(values_N), OK, UNDEFINED).astype(np.int8)
    order = np.argsort(ids_N)
    return Held(ids_N[order], values_N[order], statuses_N[order])


@st.cache_resource(max_entries=8, show_spinner=False)
def _table(database: str, name: str, digest: str) -> tuple[NDArray[np.bytes_], Table]:
    """A benchmark with the ids of its architectures."""
    del database, digest  # a part of the key
    with reading() as session:
        table = Table.from_bytes(benchmark_content(session, name))
    space = spaces[table.info.space]
    keys = (space.key(space.at(index)) for index in table.indices.tolist())
    return np.array([arch_id(table.info.space, key) for key in keys], "S20"), table


def _mixed(series: Series) -> Held:
    """An aggregate over all archs that have its parts, with a truth or without."""
    parts = [held(part) for part in series.parts]
    ids_N = parts[0].arch_ids
    for part in parts[1:]:
        ids_N = ids_N[part.places_of(ids_N) >= 0]
    columns: Mapping[str, Column] = {
        _component(one): part.column(ids_N, one)
        for one, part in zip(series.parts, parts, strict=True)
    }
    mixed = aggregate(series.aggregate, columns)
    places = {name: place for place, name in enumerate(SCORE_STATUSES)}
    statuses_N = np.array([places[status] for status in mixed.statuses_N], np.int8)
    return Held(ids_N, mixed.values_N, statuses_N)


def _component(one: Series) -> str:
    return one.name if one.kind == "table" else one.metric


@dataclass(frozen=True, eq=False)
class Joined:
    """The archs that a board rests on.

    Attributes:
        ids_N: their ids, ascending.
        num_true: how many have a truth.
        rule: how they were chosen of more, in words; empty when all with a truth are in.
        is_sample: of those that could be in, some were drawn.
    """

    ids_N: NDArray[np.bytes_]
    num_true: int
    rule: str = ""
    is_sample: bool = False

    @property
    def digest(self) -> str:
        """Equal for the same archs."""
        return hashlib.blake2b(self.ids_N.tobytes(), digest_size=16).hexdigest()


def joined(truth: Series, scores: Sequence[Series]) -> Joined:
    """The archs that have a truth and any of the scores, so that rows can be compared.

    Baselines do not count as scores, unless there are no others. Of too many a stated sample.
    """
    known = held(truth)
    ids_N = known.arch_ids[known.statuses == OK]
    num_true = len(ids_N)
    others = [held(one) for one in scores if not one.baseline] or [held(one) for one in scores]
    if others:
        ids_N = ids_N[np.any([other.places_of(ids_N) >= 0 for other in others], axis=0)]
    num = len(ids_N)
    if num > MAX_ARCHS:
        rule = (
            f"A sample: {MAX_ARCHS:,} of {num:,} architectures, those whose ids come first. Ids "
            "are hashes, so that is a random draw, and the same one every time."
        )
        return Joined(ids_N[:MAX_ARCHS], num_true, rule, is_sample=True)
    if num == num_true:
        return Joined(ids_N, num_true)
    rule = f"{num:,} of {num_true:,} architectures with a truth have any of the scores."
    return Joined(ids_N, num_true, rule)
