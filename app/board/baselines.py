"""What would give a board the baselines that nothing recorded: params and macs of its archs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from app.board.figures import Question, lines
from app.board.series import Piece, Series
from app.board.values import Held, Joined, archs_of
from app.checking import MAX_CHECKED
from db import jobs
from db.models import Job
from search.catalogue import Catalogue

MAX_ASKED = 20  # searches that are looked through for the board's archs


@dataclass(frozen=True)
class Remedy:
    """A search, or a benchmark, whose architectures can be counted.

    Attributes:
        metrics: those that are missing.
        job_id: the search that has most of the board's archs; 0 when a benchmark has more.
        numbers: trials of it that are to be counted; empty for the whole search again, because
            equal seeds give equal archs.
        num_reached: how many archs of the board get the baselines.
        num_archs: how many the board has.
        table: the benchmark whose archs are counted.
    """

    metrics: tuple[str, ...]
    job_id: int
    numbers: tuple[int, ...]
    num_reached: int
    num_archs: int
    table: str = ""


def remedy(
    session: Session, question: Question, archs: Joined, catalogue: Catalogue
) -> Remedy | None:
    """How to get the baselines that are missing; None when none is, or nobody offers them."""
    missing = [line.name for line in lines(question) if line.why_missing]
    metrics = tuple(name for name in missing if catalogue.plugin("cost", name) is not None)
    if not metrics or not len(archs.ids_N):
        return None
    return _of_a_search(session, metrics, question, archs, catalogue) or _of_a_table(
        metrics, question, archs
    )


def _of_a_table(metrics: tuple[str, ...], question: Question, archs: Joined) -> Remedy | None:
    """Count the archs of the truth's benchmark, so that all boards of the space have them."""
    name = next((piece.table for piece in question.truth.pieces), "")
    num = len(archs.ids_N)
    return Remedy(metrics, 0, (), num, num, name) if name else None


def _of_a_search(
    session: Session,
    metrics: tuple[str, ...],
    question: Question,
    archs: Joined,
    catalogue: Catalogue,
) -> Remedy | None:
    versions = {piece.job_id: piece.version for piece in _pieces(question)}
    versions.pop(0, None)  # benchmarks
    newest = sorted(versions, reverse=True)[:MAX_ASKED]
    reached = {job_id: _reached(job_id, versions[job_id], archs) for job_id in newest}
    best = max(reached, key=lambda job_id: reached[job_id], default=None)
    if best is None or not reached[best][0]:
        return None
    num = reached[best][0]
    job = jobs.job(session, best)
    if _can_be_repeated(job, catalogue):
        return Remedy(metrics, best, (), num, len(archs.ids_N))
    numbers = _numbers(best, versions[best], archs)
    return Remedy(metrics, best, numbers, min(num, len(numbers)), len(archs.ids_N))


def _pieces(question: Question) -> Iterator[Piece]:
    series: list[Series] = [question.truth, *question.scores]
    while series:
        one = series.pop()
        yield from one.pieces
        series += one.parts


def _reached(job_id: int, version: int, archs: Joined) -> tuple[int, int]:
    """How many archs of the board a search has; of several alike the smaller search is better."""
    found, ids_U, _ = archs_of(job_id, version)
    is_here = Held(ids_U, np.empty(0), np.empty(0, np.int8)).places_of(archs.ids_N) >= 0
    return int(is_here.sum()), -len(found)


def _numbers(job_id: int, version: int, archs: Joined) -> tuple[int, ...]:
    """The first trial of each arch of the board, or of a random draw of them."""
    found, ids_U, codes_N = archs_of(job_id, version)
    _, first_U = np.unique(codes_N, return_index=True)
    places = Held(ids_U, np.empty(0), np.empty(0, np.int8)).places_of(archs.ids_N)
    places = np.random.default_rng(job_id).permutation(places[places >= 0])[:MAX_CHECKED]
    return tuple(sorted(found.numbers[first_U[places]].tolist()))


def _can_be_repeated(job: Job, catalogue: Catalogue) -> bool:
    """Its architectures depend on the seed alone, so an equal search looks at the same ones."""
    plugin = catalogue.plugin("strategy", job.strategy)
    is_independent = plugin is not None and bool(plugin.traits.get("is_independent"))
    return is_independent and not job.spec.get("warm_start")
