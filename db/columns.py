"""The numbers of a whole job as numpy columns, for charts. No row of it becomes an object."""

import sqlite3
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Job

TRIAL_STATES = ("pending", "done", "failed", "infeasible")
SCORE_STATUSES = ("ok", "undefined", "failed", "not_applicable")
NO_SCORE = -1

_MEMORY = 5  # a code is the place of the status, and so much more when it came from memory


@dataclass(frozen=True)
class Columns:
    """N trials in the order of their numbers, and their scores for M objectives.

    Attributes:
        numbers: N of them.
        arch_ids: N of them, bytes of fixed width.
        states: N places in TRIAL_STATES.
        values: N x M, nan unless the status is ok.
        statuses: N x M places in SCORE_STATUSES; NO_SCORE where there is none.
        from_memory: N x M, whether a score was recalled.
        clock_s: N of them, nan where there is no clock.
        objectives: their names, in the order of the spec.
    """

    numbers: NDArray[np.int32]
    arch_ids: NDArray[np.bytes_]
    states: NDArray[np.int8]
    values: NDArray[np.float64]
    statuses: NDArray[np.int8]
    from_memory: NDArray[np.bool_]
    clock_s: NDArray[np.float64]
    objectives: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def is_feasible(self) -> NDArray[np.bool_]:
        """Whether the trial is done and meets every constraint."""
        feasible: NDArray[np.bool_] = self.states == TRIAL_STATES.index("done")
        return feasible

    def followed_by(self, later: "Columns") -> "Columns":
        """These trials and later ones, as read with ``since``."""
        both = {
            name: np.concatenate([getattr(self, name), getattr(later, name)]) for name in _ARRAYS
        }
        return Columns(**both, objectives=self.objectives)


_ARRAYS = (
    "numbers",
    "arch_ids",
    "states",
    "values",
    "statuses",
    "from_memory",
    "clock_s",
)


@dataclass(frozen=True)
class _Trials:
    numbers: NDArray[np.int32]
    arch_ids: NDArray[np.bytes_]
    states: NDArray[np.int8]
    clock_s: NDArray[np.float64]


@dataclass(frozen=True)
class _Scores:
    """Scores of one objective; a code is a status and whether it came from memory."""

    numbers: NDArray[np.int32]
    codes: NDArray[np.int8]
    values: NDArray[np.float64]


def columns(session: Session, job_id: int, *, since: int = 0) -> Columns:
    """Every trial of a job from number *since* on."""
    objectives = _objectives(session, job_id)
    trials_of, scores_of = (
        (_copied_trials, _copied_scores)
        if session.get_bind().dialect.name == "postgresql"
        else (_fetched_trials, _fetched_scores)
    )
    trials = trials_of(session, job_id, since)
    shape = (len(trials.numbers), len(objectives))
    values = np.full(shape, np.nan)
    statuses = np.full(shape, NO_SCORE, np.int8)
    from_memory = np.zeros(shape, np.bool_)
    for place in range(len(objectives)):
        scores = scores_of(session, job_id, place, since)
        rows = _rows_of(scores.numbers, trials.numbers)
        status = scores.codes % _MEMORY
        values[rows, place] = np.where(status == 0, scores.values, np.nan)
        statuses[rows, place] = status
        from_memory[rows, place] = scores.codes >= _MEMORY
    return Columns(
        numbers=trials.numbers,
        arch_ids=trials.arch_ids,
        states=trials.states,
        values=values,
        statuses=statuses,
        from_memory=from_memory,
        clock_s=trials.clock_s,
        objectives=objectives,
    )


def _objectives(session: Session, job_id: int) -> tuple[str, ...]:
    found = session.execute(
        select(Job.spec["objectives"].label("objectives")).where(Job.id == job_id)
    ).scalar_one_or_none()
    return tuple(objective["name"] for objective in found or ())


def _rows_of(wanted_N: NDArray[np.int32], numbers: NDArray[np.int32]) -> slice | NDArray[np.intp]:
    """Where these numbers are in a sorted column of them."""
    if len(wanted_N) == len(numbers):
        return slice(None)
    return np.searchsorted(numbers, wanted_N)


def _place(column: str, words: tuple[str, ...]) -> str:
    """SQL for the place of a word: one digit."""
    cases = " ".join(f"WHEN '{word}' THEN {place}" for place, word in enumerate(words))
    return f"CASE {column} {cases} ELSE 4 END"


_STATE = _place("state", TRIAL_STATES)
_CODE = f"{_place('status', SCORE_STATUSES)} + CASE WHEN from_memory THEN {_MEMORY} ELSE 0 END"


# SQLite. A row of several values costs Python a tuple; one long text of fixed-width pieces and
# one column of floats cost a tenth of that.


def _fetched_trials(session: Session, job_id: int, since: int) -> _Trials:
    source = "FROM trial WHERE job_id = ? AND number >= ? ORDER BY number"
    arguments = (job_id, since)
    row = _cursor(session).execute(
        "SELECT count(*), min(number), max(number), count(clock_s),"
        " group_concat(arch_id, ''), group_concat(code, '') FROM"
        f" (SELECT number, arch_id, clock_s, {_STATE} AS code {source})",
        arguments,
    )
    num, first, last, num_clocks, arch_ids, codes = row.fetchone()
    clock_s = np.full(num, np.nan)
    if num_clocks:
        clock_s = _floats(session, f"SELECT coalesce(clock_s, 9e999) {source}", arguments, num)
        clock_s[np.isinf(clock_s)] = np.nan
    return _Trials(
        numbers=_numbers(session, source, arguments, (num, first, last)),
        arch_ids=np.frombuffer((arch_ids or "").encode(), "S20"),
        states=_digits(codes),
        clock_s=clock_s,
    )


def _fetched_scores(session: Session, job_id: int, objective: int, since: int) -> _Scores:
    source = "FROM score WHERE job_id = ? AND objective = ? AND number >= ? ORDER BY number"
    arguments = (job_id, objective, since)
    row = _cursor(session).execute(
        "SELECT count(*), min(number), max(number), group_concat(code, '') FROM"
        f" (SELECT number, {_CODE} AS code {source})",
        arguments,
    )
    num, first, last, codes = row.fetchone()
    return _Scores(
        numbers=_numbers(session, source, arguments, (num, first, last)),
        codes=_digits(codes),
        values=_floats(session, f"SELECT coalesce(value, 0.0) {source}", arguments, num),
    )


def _cursor(session: Session) -> sqlite3.Cursor:
    return cast(sqlite3.Cursor, session.connection().connection.cursor())


def _floats(
    session: Session, query: str, arguments: tuple[int, ...], num: int
) -> NDArray[np.float64]:
    rows = _cursor(session).execute(query, arguments)
    return np.fromiter(chain.from_iterable(rows), np.float64, num)


def _numbers(
    session: Session, source: str, arguments: tuple[int, ...], extent: tuple[int, int, int]
) -> NDArray[np.int32]:
    num, first, last = extent
    if num and num == last - first + 1:
        return np.arange(first, last + 1, dtype=np.int32)
    rows = _cursor(session).execute(f"SELECT number {source}", arguments)
    return np.fromiter(chain.from_iterable(rows), np.int32, num)


def _digits(text: str | None) -> NDArray[np.int8]:
    return np.frombuffer((text or "").encode(), np.int8) - np.int8(ord("0"))


# PostgreSQL. Its binary COPY of columns of fixed width is an array as it stands.

_HEADER_BYTES, _TRAILER_BYTES = 19, 2


def _copied_trials(session: Session, job_id: int, since: int) -> _Trials:
    rows = _copied(
        session,
        f"SELECT number, ({_STATE})::int2, arch_id, coalesce(clock_s, 'NaN'::float8) FROM trial"
        f" WHERE job_id = {int(job_id)} AND number >= {int(since)} ORDER BY number",
        {"number": ">i4", "state": ">i2", "arch_id": "S20", "clock_s": ">f8"},
    )
    return _Trials(
        numbers=rows["number"].astype(np.int32),
        arch_ids=rows["arch_id"].astype("S20"),
        states=rows["state"].astype(np.int8),
        clock_s=rows["clock_s"].astype(np.float64),
    )


def _copied_scores(session: Session, job_id: int, objective: int, since: int) -> _Scores:
    rows = _copied(
        session,
        f"SELECT number, ({_CODE})::int2, coalesce(value, 0.0::float8) FROM score"
        f" WHERE job_id = {int(job_id)} AND objective = {int(objective)}"
        f" AND number >= {int(since)} ORDER BY number",
        {"number": ">i4", "code": ">i2", "value": ">f8"},
    )
    return _Scores(
        numbers=rows["number"].astype(np.int32),
        codes=rows["code"].astype(np.int8),
        values=rows["value"].astype(np.float64),
    )


def _copied(session: Session, query: str, fields: dict[str, str]) -> NDArray[np.void]:
    """The rows of a query whose columns are never null and of fixed width."""
    layout = [("num_fields", ">i2")]
    for name, kind in fields.items():
        layout += [(f"size_of_{name}", ">i4"), (name, kind)]
    row = np.dtype(layout)
    cursor = cast(Any, session.connection().connection.cursor())
    with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)") as copy:
        content = b"".join(copy)
    num = (len(content) - _HEADER_BYTES - _TRAILER_BYTES) // row.itemsize
    return np.frombuffer(content, row, num, _HEADER_BYTES)
