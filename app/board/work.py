"""A board's figures made in the background, once for the same content, and kept.

The page shows what is there and fills in the rest: first figures alone, then their intervals,
which take seconds for each score of a large space.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import streamlit as st

from app.board import figures
from app.board.figures import Line, Question, Row
from app.board.values import Joined, joined
from db.session import database_url
from search.correlation import Pairwise

MAX_KEPT = 2_000
NUM_THREADS = 2  # for what is quick; intervals have one of their own, so that nobody waits

Key = tuple[Hashable, ...]


class Desk:
    """Work by key: what was done, is being done, or waits."""

    def __init__(self) -> None:
        self._quick = ThreadPoolExecutor(NUM_THREADS, thread_name_prefix="board")
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="board-intervals")
        self._kept: OrderedDict[Key, Future[Any]] = OrderedDict()
        self._lock = Lock()

    def ask(self, key: Key, work: Callable[[], Any], *, is_slow: bool = False) -> Future[Any]:
        """The future of this work; it is started unless it was before."""
        with self._lock:
            found = self._kept.get(key)
            if found is None or found.cancelled():
                found = self._kept[key] = (self._slow if is_slow else self._quick).submit(work)
            self._kept.move_to_end(key)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return found


@dataclass(frozen=True)
class Progress:
    """A board as far as it is.

    Attributes:
        archs: None while the scores are still being read.
        rows: what is there, with or without intervals.
        matrix: None while it is not there.
        is_done: nothing will be added.
    """

    archs: Joined | None = None
    rows: tuple[Row, ...] = ()
    waiting: tuple[Line, ...] = ()
    matrix: Pairwise | None = None
    is_done: bool = False

    @property
    def stage(self) -> int:
        """Grows when there is something new to draw besides the intervals."""
        return (
            (self.archs is not None)
            + (self.archs is not None and not self.waiting)
            + (self.matrix is not None)
            + self.is_done
        )


def progress(question: Question, asked: list[Future[Any]], *, patience_s: float) -> Progress:
    """How far the board is, after waiting a little.

    Args:
        question: what is asked.
        asked: what this viewer waits for; work of an earlier question that has not begun is
            given up.
        patience_s: how long to wait, so that what is quick appears at once.

    Raises:
        SpecError: the question has no answer; by field.
    """
    desk = _desk()
    base: Key = (database_url(), question.truth.content)
    everything = (*base, *(one.content for one in question.scores))
    preparing = desk.ask(("archs", *everything), lambda: _prepared(question))
    wait([preparing], patience_s)
    if not preparing.done():
        return Progress()
    archs: Joined = preparing.result()
    quick = replace(question, num_resamples=0)
    lines = figures.lines(question)
    setting: Key = (question.undefined, question.k, archs.digest, *base)
    first = [_row(desk, quick, line, archs, setting) for line in lines]
    matrix = desk.ask(("matrix", archs.rule, *everything), lambda: figures.matrix(quick, archs))
    whole = [_row(desk, question, line, archs, setting) for line in lines]
    _give_up([future for future in asked if future not in (*first, matrix, *whole)])
    asked[:] = [*first, matrix, *whole]
    wait([*first, *whole], patience_s)
    return _collected(archs, lines, first, whole, matrix)


def _prepared(question: Question) -> Joined:
    figures.check(question)
    return joined(question.truth, question.scores)


def _row(desk: Desk, question: Question, line: Line, archs: Joined, setting: Key) -> "Future[Row]":
    told: Key = (line.name, line.why_missing, line.series.content if line.series else ())
    key = ("row", question.num_resamples, *told, *setting)
    return desk.ask(
        key, lambda: figures.row(question, line, archs), is_slow=question.num_resamples != 0
    )


def _collected(
    archs: Joined,
    lines: Sequence[Line],
    first: Sequence["Future[Row]"],
    whole: Sequence["Future[Row]"],
    matrix: "Future[Pairwise]",
) -> Progress:
    rows, waiting = [], []
    for line, early, late in zip(lines, first, whole, strict=True):
        best = next((future for future in (late, early) if _is_there(future)), None)
        if best is None:
            waiting.append(line)
        else:
            rows.append(best.result())
    return Progress(
        archs,
        figures.ordered(rows),
        tuple(waiting),
        matrix.result() if _is_there(matrix) else None,
        _is_there(matrix) and all(_is_there(future) for future in whole),
    )


def _is_there(future: "Future[Any]") -> bool:
    return future.done() and not future.cancelled()


def _give_up(futures: Sequence["Future[Any]"]) -> None:
    for future in futures:
        future.cancel()


@st.cache_resource(show_spinner=False)
def _desk() -> Desk:
    return Desk()
