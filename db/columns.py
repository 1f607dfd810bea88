"""The numbers of a whole job as numpy columns, for charts: a million trials in a blink.

They are kept beside the rows they repeat, packed in blocks of trials, and written with them in
one transaction. Reading them from the rows takes fifty times as long.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.batch import ScoreRow, TrialRow
from db.models import ColumnBlock, Job

TRIAL_STATES = ("pending", "done", "failed", "infeasible", "screened")
SCREENED = TRIAL_STATES[-1]
SCORE_STATUSES = ("ok", "undefined", "failed", "not_applicable")
NO_SCORE = -1
_PLACES = {status: place for place, status in enumerate(SCORE_STATUSES)}

TRIALS_PER_BLOCK = 512

Packed = NDArray[np.void]


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

    @property
    def is_screened(self) -> NDArray[np.bool_]:
        """Whether only some objectives were to be scored."""
        screened: NDArray[np.bool_] = self.states == TRIAL_STATES.index(SCREENED)
        return screened

    def until(self, row: int) -> "Columns":
        """The trials before this row."""
        some = {name: getattr(self, name)[:row] for name in self._arrays()}
        return Columns(**some, objectives=self.objectives)

    def followed_by(self, later: "Columns") -> "Columns":
        """These trials and later ones of the same job."""
        both = {
            name: np.concatenate([getattr(self, name), getattr(later, name)])
            for name in self._arrays()
        }
        return Columns(**both, objectives=self.objectives)

    def _arrays(self) -> list[str]:
        return [field.name for field in fields(self) if field.name != "objectives"]


def columns(session: Session, job_id: int) -> Columns:
    """Every trial of a job."""
    objectives = session.execute(
        select(Job.spec["objectives"].label("objectives")).where(Job.id == job_id)
    ).scalar_one_or_none()
    names = tuple(objective["name"] for objective in objectives or ())
    blocks = session.scalars(
        select(ColumnBlock.content).where(ColumnBlock.job_id == job_id).order_by(ColumnBlock.block)
    )
    return _unpacked(blocks, names)


def refreshed(session: Session, job_id: int, held: Columns) -> Columns:
    """Columns of a job that were read before, with what has been written since.

    Slices write their trials in any order, so there may be gaps between numbers that are filled
    later. A trial once written never changes, so a block of the same size is the same block, and
    only what begins with the first other one is read.
    """
    itemsize = _layout(len(held.objectives)).itemsize
    sizes = select(ColumnBlock.block, func.length(ColumnBlock.content)).where(
        ColumnBlock.job_id == job_id
    )
    nums = np.bincount(held.numbers // TRIALS_PER_BLOCK).tolist()
    first = next(
        (
            block
            for block, size in session.execute(sizes.order_by(ColumnBlock.block))
            if size != itemsize * (nums[block] if block < len(nums) else 0)
        ),
        None,
    )
    if first is None:
        return held
    start = int(np.searchsorted(held.numbers, first * TRIALS_PER_BLOCK))
    if 2 * start < len(held):  # joining would cost more than reading
        return _unpacked(_contents(session, job_id, 0), held.objectives)
    new = _unpacked(_contents(session, job_id, first), held.objectives)
    return held.until(start).followed_by(new)


def pack(
    num_objectives: int,
    trials: Sequence[TrialRow],
    arch_ids: Sequence[str],
    scores: Sequence[ScoreRow],
) -> Packed:
    """Trials and their scores as they are kept.

    Raises:
        ValueError: a score belongs to none of these trials, or to no objective of the job.
    """
    packed: Packed = np.zeros(len(trials), _layout(num_objectives))
    packed["numbers"] = [trial.number for trial in trials]
    packed["arch_ids"] = arch_ids
    packed["states"] = [TRIAL_STATES.index(trial.state) for trial in trials]
    packed["clock_s"] = [np.nan if t.clock_s is None else t.clock_s for t in trials]
    packed["values"] = np.nan
    packed["statuses"] = NO_SCORE
    rows = {trial.number: row for row, trial in enumerate(trials)}
    for score in scores:
        if score.number not in rows or not 0 <= score.objective < num_objectives:
            raise ValueError(
                f"a score of trial {score.number}, objective {score.objective}, goes with "
                f"no trial of this batch or none of the job's {num_objectives} objectives"
            )
    at = [rows[s.number] for s in scores], [s.objective for s in scores]
    packed["values"][at] = [np.nan if s.value is None else s.value for s in scores]
    packed["statuses"][at] = [_PLACES[s.status] for s in scores]
    packed["from_memory"][at] = [s.from_memory for s in scores]
    return packed


def add_packed(session: Session, job_id: int, packed: Packed) -> None:
    """Keep packed trials of a job, whose row the caller has locked."""
    if not len(packed):
        return
    blocks_N = packed["numbers"] // TRIALS_PER_BLOCK
    touched = np.unique(blocks_N).tolist()
    known: dict[int, bytes] = dict(
        session.execute(
            select(ColumnBlock.block, ColumnBlock.content).where(
                ColumnBlock.job_id == job_id, ColumnBlock.block.in_(touched)
            )
        ).all()
    )
    rows = []
    for block in touched:
        before = np.frombuffer(known.get(block, b""), packed.dtype)
        whole = np.concatenate([before, packed[blocks_N == block]])
        whole = whole[np.argsort(whole["numbers"], kind="stable")]
        rows.append({"job_id": job_id, "block": block, "content": whole.tobytes()})
    _replace(session, rows)


def _contents(session: Session, job_id: int, first: int) -> Iterable[bytes]:
    """The blocks of a job from this one on."""
    return session.scalars(
        select(ColumnBlock.content)
        .where(ColumnBlock.job_id == job_id, ColumnBlock.block >= first)
        .order_by(ColumnBlock.block)
    )


def _unpacked(contents: Iterable[bytes], objectives: tuple[str, ...]) -> Columns:
    layout = _layout(len(objectives))
    packed: Packed = np.frombuffer(b"".join(contents), layout)
    arrays = {name: np.ascontiguousarray(packed[name]) for name in layout.names or ()}
    return Columns(**arrays, objectives=objectives)


def _replace(session: Session, rows: list[dict[str, Any]]) -> None:
    dialect = session.get_bind().dialect.name
    table = ColumnBlock.__table__
    fresh = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)  # type: ignore[arg-type]
    session.connection().execute(
        fresh.on_conflict_do_update(
            index_elements=["job_id", "block"], set_={"content": fresh.excluded.content}
        ),
        rows,
    )


def _layout(num_objectives: int) -> np.dtype[np.void]:
    """How a trial is packed: the same bytes on every machine."""
    return np.dtype(
        [
            ("numbers", "<i4"),
            ("arch_ids", "S20"),
            ("states", "i1"),
            ("clock_s", "<f8"),
            ("values", "<f8", (num_objectives,)),
            ("statuses", "i1", (num_objectives,)),
            ("from_memory", "?", (num_objectives,)),
        ]
    )
