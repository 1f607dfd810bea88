"""The figures of a board: one row for each score, and what scores have to do with each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.board.series import BASELINES, Series, turned
from app.board.values import Joined, held, joined
from search.chance import chance
from search.correlation import (
    NUM_RESAMPLES,
    Agreement,
    Column,
    Pairwise,
    Policy,
    agreement,
    pairwise,
)
from search.errors import SpecError

FEW_RESAMPLES, MANY_ARCHS = 200, 2_000  # beyond so many archs intervals are narrow anyway
SEED = 0  # of random scores and of the resamples
MAX_K = 10_000
MAX_PAIRWISE = 24


@dataclass(frozen=True)
class Question:
    """What a board is asked.

    Attributes:
        truth: what the scores should predict.
        scores: those that are compared, baselines apart.
        undefined: what is done with undefined scores.
        k: how many architectures one would pick by score.
        num_resamples: behind each interval; 0 for none, None for as many as are useful.
    """

    truth: Series
    scores: tuple[Series, ...]
    undefined: Policy = "drop"
    k: int = 10
    num_resamples: int | None = None


@dataclass(frozen=True)
class Line:
    """What a row of a board is about.

    Attributes:
        name: of the score.
        series: None for the random baseline, and for a baseline that is nowhere recorded.
        why_missing: why there is no such row; empty when there is.
    """

    name: str
    series: Series | None
    is_baseline: bool = False
    why_missing: str = ""


@dataclass(frozen=True)
class Row:
    """A line with its figures, or the reason why it has none."""

    line: Line
    agreement: Agreement | None
    problem: str = ""


def check(question: Question) -> None:
    """Refuse what no figure can be made for.

    Raises:
        SpecError: the truth has no value, or no score has two architectures in common with it.
    """
    if not 1 <= question.k <= MAX_K:
        raise SpecError({"k": f"{question.k} is out of range: from 1 to {MAX_K:,}"})
    if question.undefined not in ("drop", "rank_last"):
        raise SpecError({"undefined": f"{question.undefined!r} is neither drop nor rank_last"})
    known = held(question.truth)
    name = question.truth.name
    num = int((known.statuses == 0).sum())
    if not num:
        raise SpecError({"truth": f"{name} has no value for any architecture; choose another"})
    if num < 2:
        raise SpecError(
            {"truth": f"{name} has a value for one architecture; at least 2 are needed"}
        )
    scores = [one for one in question.scores if not one.baseline] or question.scores
    most = max((_num_common(question.truth, one) for one in scores), default=None)
    if most is not None and most < 2:
        raise SpecError(
            {
                "from": f"the scores have {most or 'no'} "
                f"architecture{'' if most == 1 else 's'} in common with {name}; "
                "at least two are needed: add a source that covers the same architectures"
            }
        )


def lines(question: Question) -> tuple[Line, ...]:
    """The rows: the scores, then the baselines, which are always there."""
    plain = [Line(one.name, one) for one in question.scores if not one.baseline]
    made = []
    for base in BASELINES:
        recorded = [one for one in question.scores if one.baseline == base]
        made += [Line(one.name, turned(one), is_baseline=True) for one in recorded]
        if not recorded:
            why = (
                f"Nothing here has it: choose {base} as an objective of a search, or import a "
                f"benchmark with a column {base}."
            )
            made.append(Line(base, None, is_baseline=True, why_missing=why))
    return (*plain, *made, Line("random", None, is_baseline=True))


def row(question: Question, line: Line, archs: Joined) -> Row:
    """The figures of one line."""
    if line.why_missing:
        return Row(line, None, line.why_missing)
    truth = held(question.truth).column(archs.ids_N, question.truth)
    try:
        found = _agreement(question, line, archs, truth)
    except ValueError as error:
        return Row(line, None, str(error))
    return Row(line, found)


def _agreement(question: Question, line: Line, archs: Joined, truth: Column) -> Agreement:
    rng, num = np.random.default_rng(SEED), num_resamples(question, archs)
    if line.series is None:
        return chance(truth, rng=rng, k=question.k, has_intervals=num > 0)
    return agreement(
        _scores(line, archs.ids_N),
        truth,
        rng=rng,
        undefined=question.undefined,
        k=question.k,
        num_resamples=num,
    )


def num_resamples(question: Question, archs: Joined) -> int:
    """So many resamples are behind each interval: 1,000, or 200 of more than 2,000 archs."""
    if question.num_resamples is not None:
        return question.num_resamples
    return NUM_RESAMPLES if len(archs.ids_N) <= MANY_ARCHS else FEW_RESAMPLES


def rows(question: Question, archs: Joined | None = None) -> tuple[Row, ...]:
    """All rows, those that agree best first; baselines stand among the others.

    Raises:
        SpecError: as of :func:`check`.
    """
    check(question)
    archs = archs or joined(question.truth, question.scores)
    return ordered([row(question, line, archs) for line in lines(question)])


def ordered(made: Sequence[Row]) -> tuple[Row, ...]:
    """Highest Kendall's tau first; rows without figures last."""
    return tuple(sorted(made, key=lambda r: -_tau(r)))


def matrix(question: Question, archs: Joined) -> Pairwise:
    """Which scores agree with which, over the archs of the board."""
    columns: dict[str, Column] = {}
    for line in lines(question)[:MAX_PAIRWISE]:
        if line.series is not None:
            label = line.name if line.name not in columns else line.series.key
            columns[label] = _scores(line, archs.ids_N)
    return pairwise(columns)


@dataclass(frozen=True)
class Cloud:
    """Ranks of architectures by a score and by the truth, 1 for the best.

    Attributes:
        ids_K: archs that have both.
        scores_K, truths_K: the values.
        score_ranks_K, truth_ranks_K: their ranks, ties in the mean.
    """

    ids_K: NDArray[np.bytes_]
    scores_K: NDArray[np.float64]
    truths_K: NDArray[np.float64]
    score_ranks_K: NDArray[np.float64]
    truth_ranks_K: NDArray[np.float64]


def cloud(question: Question, line: Line, archs: Joined) -> Cloud:
    """What a scatter of a score shows."""
    truth = held(question.truth).column(archs.ids_N, question.truth)
    scores = _scores(line, archs.ids_N)
    both_N = truth.has("ok") & scores.has("ok")
    return Cloud(
        archs.ids_N[both_N],
        scores.values_N[both_N],
        truth.values_N[both_N],
        _ranks(scores.turned_N[both_N]),
        _ranks(truth.turned_N[both_N]),
    )


def _scores(line: Line, ids_N: NDArray[np.bytes_]) -> Column:
    if line.series is not None:
        return held(line.series).column(ids_N, line.series)
    return Column.of(np.random.default_rng(SEED).random(len(ids_N)))


def _ranks(turned_N: NDArray[np.float64]) -> NDArray[np.float64]:
    _, groups_N, sizes_G = np.unique(-turned_N, return_inverse=True, return_counts=True)
    ranks_N: NDArray[np.float64] = (sizes_G.cumsum() - (sizes_G - 1) / 2)[groups_N]
    return ranks_N


def _num_common(truth: Series, one: Series) -> int:
    known, scores = held(truth), held(one)
    places = scores.places_of(known.arch_ids[known.statuses == 0])
    return int((places >= 0).sum())


def _tau(made: Row) -> float:
    value = made.agreement.everything.kendall.value if made.agreement else None
    return -2.0 if value is None else value
