"""What the pages read again and again, kept while the job has not changed.

Everything is keyed on the database and on (job, version); the columns of a running job
are extended by what is new, never read twice.
"""

from threading import Lock

import streamlit as st

from app import front, mixtures
from app.front import Box, Curve, Front, Picture
from app.measures import Measure
from app.mixtures import Mixture
from db import jobs, trials
from db.session import database_url, reading
from db.trials import Columns
from search.catalogue import Catalogue
from workers.catalogue import catalogue

NUM_JOBS = 8
NUM_PICTURES = 64
CATALOGUE_TTL_S = 5.0


PictureKey = tuple[
    str,
    int,
    int,
    Measure,
    Measure,
    Measure | None,
    Box | None,
    str,
    tuple[Mixture, ...],
]


class LiveColumns:
    """The columns of one job, as far as they have been read."""

    def __init__(self, job_id: int) -> None:
        self._job_id = job_id
        self._version = -1
        self._columns: Columns | None = None
        self._lock = Lock()

    def at(self, version: int) -> Columns:
        """The columns at least as of *version*; trials once written never change."""
        with self._lock:
            if self._columns is None or version > self._version:
                self._columns = self._read()
                self._version = version
            return self._columns

    def _read(self) -> Columns:
        with reading() as session:
            if self._columns is None:
                return trials.columns(session, self._job_id)
            return trials.refreshed(session, self._job_id, self._columns)


def columns(job_id: int, version: int, mixed: tuple[Mixture, ...] = ()) -> Columns:
    """Every trial of a job as numpy columns, followed by one for each aggregate."""
    if mixed:
        return _wide(database_url(), job_id, version, mixed)
    return _live(database_url(), job_id).at(version)


def front_of(
    job_id: int, version: int, x: Measure, y: Measure, mixed: tuple[Mixture, ...] = ()
) -> Front:
    """The front for two objectives or aggregates."""
    return _front(database_url(), job_id, version, x, y, mixed)


def picture_of(  # noqa: PLR0913  # each is a part of the key
    job_id: int,
    version: int,
    found: Front,
    *,
    colour: Measure | None,
    box: Box | None,
    logarithmic: frozenset[str],
    mixed: tuple[Mixture, ...] = (),
) -> Picture:
    """What the chart of a front shows."""
    scales = "".join(sorted(logarithmic))
    key = (database_url(), job_id, version, found.x, found.y, colour, box, scales, mixed)
    return _picture(key, _found=found)


def curve_of(
    job_id: int,
    version: int,
    measures: tuple[Measure, ...],
    reference: tuple[float, ...] | None,
    mixed: tuple[Mixture, ...] = (),
) -> Curve | None:
    """Hypervolume over trials; None while no trial has all the values."""
    return _curve(database_url(), job_id, version, measures, reference, mixed)


def offered() -> Catalogue:
    """What living workers offer, a few seconds old at most."""
    return _catalogue(database_url())


def version_of(job_id: int) -> int:
    """The job's version now."""
    with reading() as session:
        return jobs.job_version(session, job_id)


@st.cache_resource(max_entries=NUM_JOBS, show_spinner=False)
def _live(database: str, job_id: int) -> LiveColumns:
    del database  # a part of the key
    return LiveColumns(job_id)


@st.cache_resource(max_entries=NUM_JOBS, show_spinner=False)
def _wide(database: str, job_id: int, version: int, mixed: tuple[Mixture, ...]) -> Columns:
    return mixtures.widened(_live(database, job_id).at(version), mixed)


@st.cache_resource(max_entries=NUM_PICTURES, show_spinner=False)
def _front(
    database: str,
    job_id: int,
    version: int,
    x: Measure,
    y: Measure,
    mixed: tuple[Mixture, ...],
) -> Front:
    del database  # a part of the key
    return front.front(columns(job_id, version, mixed), x, y)


@st.cache_resource(max_entries=NUM_PICTURES, show_spinner=False)
def _picture(key: PictureKey, _found: Front) -> Picture:
    _, job_id, version, _, _, colour, box, scales, mixed = key
    return front.picture(
        columns(job_id, version, mixed),
        _found,
        colour=colour,
        box=box,
        logarithmic=frozenset(scales),
    )


@st.cache_resource(max_entries=NUM_PICTURES, show_spinner=False)
def _curve(  # each is a part of the key
    database: str,
    job_id: int,
    version: int,
    measures: tuple[Measure, ...],
    reference: tuple[float, ...] | None,
    mixed: tuple[Mixture, ...],
) -> Curve | None:
    del database  # a part of the key
    held = columns(job_id, version, mixed)
    reference = reference or front.reference_point(held, measures)
    return None if reference is None else front.hypervolume_curve(held, measures, reference)


@st.cache_resource(ttl=CATALOGUE_TTL_S, max_entries=4, show_spinner=False)
def _catalogue(database: str) -> Catalogue:
    del database  # a part of the key
    with reading() as session:
        return catalogue(session)
