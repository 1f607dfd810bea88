"""What a person, a program or an address asks of the board, read and completed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from app import other_data
from app.board import series as columns
from app.board import sources
from app.board.figures import Question
from app.board.series import Series
from search.aggregates import aggregates, combination_of
from search.catalogue import Catalogue
from search.errors import SpecError

Policy = Literal["drop", "rank_last"]


@dataclass(frozen=True)
class Request:
    """A question as it is spelt; what is left out is chosen.

    Attributes:
        sources: such as ``search:12`` and ``benchmark:nb201``.
        truth: key or name of a column.
        scores: keys or names of columns and of aggregates (``aggregate/rank_sum``).
        pool_seeds: scores under seeds that differ count as one column.
    """

    sources: tuple[str, ...]
    truth: str = ""
    scores: tuple[str, ...] = ()
    undefined: Policy = "drop"
    k: int = 10
    pool_seeds: bool = False
    num_resamples: int | None = None


@dataclass(frozen=True)
class Offer:
    """What there is to choose from.

    Attributes:
        space: of the sources.
        series: every column they have.
        aggregates: that can be made of the chosen scores.
        truth: what the scores should predict; None when nothing looks like it.
        scores: those that are compared.
        datasets: that the searches among the sources looked at.
    """

    space: str
    series: tuple[Series, ...]
    aggregates: tuple[Series, ...]
    truth: Series | None
    scores: tuple[Series, ...]
    datasets: tuple[str, ...] = ()


def offer(session: Session, request: Request, catalogue: Catalogue) -> Offer:
    """Look the sources up, and choose what the request leaves out.

    Raises:
        SpecError: a source, the truth or a score is not there; by field.
    """
    found = sources.find(session, sources.parse(request.sources))
    listed = columns.series_of(session, found, catalogue, pool_seeds=request.pool_seeds)
    if not listed:
        raise SpecError({"from": "these sources have no scores yet"})
    listed += columns.counted_elsewhere(session, found, listed, catalogue)
    truth = _truth(request.truth, listed)
    plain = [key for key in request.scores if not key.startswith("aggregate/")]
    usual = _usual(listed)
    chosen = _with_baselines(_named(plain, listed), usual) if request.scores else usual
    chosen = tuple(one for one in chosen if one != truth)
    mixed = columns.aggregates_of(listed, chosen)
    wanted = [key for key in request.scores if key.startswith("aggregate/")]
    _refuse_what_cannot_be_mixed(wanted, mixed)
    added = _named(wanted, mixed) if request.scores else tuple(filter(_is_declared, mixed))
    datasets = other_data.looked_at(found.jobs)
    return Offer(found.space, listed, mixed, truth, (*chosen, *added), datasets)


def question(made: Offer, request: Request) -> Question:
    """The whole question.

    Raises:
        SpecError: nothing was chosen as the truth.
    """
    if made.truth is None:
        raise SpecError(
            {
                "truth": "none of these columns looks like an accuracy; choose what the scores "
                "should predict, or add a source: a benchmark, or a search that trains"
            }
        )
    return Question(made.truth, made.scores, request.undefined, request.k, request.num_resamples)


def _truth(key: str, listed: Sequence[Series]) -> Series | None:
    if not key:
        return columns.default_truth(listed)
    found = columns.with_key(listed, key)
    if found is None:
        known = ", ".join(one.key for one in listed[:20])
        raise SpecError({"truth": f"there is no column {key}; choose of {known}"})
    return found


def _named(keys: Sequence[str], listed: Sequence[Series]) -> tuple[Series, ...]:
    found = {}
    for key in keys:
        one = columns.with_key(listed, key)
        if one is None:
            known = ", ".join(each.key for each in listed[:20]) or "none"
            raise SpecError({"scores": f"there is no {key}; choose of {known}"})
        found[one.key] = one
    return tuple(found.values())


def _refuse_what_cannot_be_mixed(keys: Sequence[str], mixed: Sequence[Series]) -> None:
    for key in keys:
        if columns.with_key(mixed, key) is None:
            raise SpecError({"scores": _why_not_mixed(key.removeprefix("aggregate/"))})


def _why_not_mixed(name: str) -> str:
    if name not in aggregates:
        return f"there is no aggregate {name}; known: {', '.join(aggregates)}"
    components = combination_of(aggregates[name]).components
    needed = f"scores of {', '.join(components)}" if components else "at least two chosen scores"
    return f"{name} cannot be made of these: it takes {needed}"


def _usual(listed: Sequence[Series]) -> tuple[Series, ...]:
    """Every proxy and baseline under one protocol each: the one with most architectures."""
    first: dict[str, Series] = {}
    for one in listed:
        if one.is_proxy:
            first.setdefault(one.name if not _in_benchmark(one) else one.key, one)
    return tuple(first.values())


def _with_baselines(chosen: Sequence[Series], usual: Sequence[Series]) -> tuple[Series, ...]:
    """These, and each baseline that is not among them but is there."""
    has = {one.baseline for one in chosen}
    return (*chosen, *(one for one in usual if one.baseline and one.baseline not in has))


def _in_benchmark(one: Series) -> bool:
    return bool(one.pieces and one.pieces[0].table)


def _is_declared(one: Series) -> bool:
    """It says itself what it is made of, so that nobody has to choose."""
    return bool(combination_of(aggregates[one.aggregate]).components)
