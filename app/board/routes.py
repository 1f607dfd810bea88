"""The board over HTTP: the same question, checks and messages as the page."""

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query
from fastapi.responses import StreamingResponse

from app.board import MAX_RESAMPLES, as_text, figures
from app.board.asking import Offer, Request, offer, question
from app.board.figures import Question, Row
from app.board.values import Joined, joined
from db.session import reading
from workers.catalogue import catalogue

From = Annotated[
    list[str],
    Query(
        alias="from", description="search:ID, group:ID, space:NAME or benchmark:NAME; any number"
    ),
]
Truth = Annotated[
    str, Query(max_length=400, description="a column by key or name; guessed if left out")
]
Scores = Annotated[
    list[str] | None,
    Query(description="columns by key or name, or aggregate/NAME; every proxy if left out"),
]
K = Annotated[int, Query(ge=1, le=figures.MAX_K)]
Resamples = Annotated[int | None, Query(ge=0, le=MAX_RESAMPLES)]


def add_to(api: FastAPI) -> None:
    """Add the board's routes."""
    api.get("/board/columns", summary="What a board of these sources can compare")(_columns)
    api.get("/board", summary="How far scores agree with the truth, with intervals")(_board)
    api.get("/board.csv", summary="The same as CSV")(_csv)


def _columns(sources: From, pool_seeds: bool = False) -> dict[str, Any]:
    with reading() as session:
        made = offer(session, Request(tuple(sources), pool_seeds=pool_seeds), catalogue(session))
    return {
        "space": made.space,
        "columns": [as_text.series_as_json(one) for one in made.series],
        "aggregates": [as_text.series_as_json(one) for one in made.aggregates],
        "truth": made.truth.key if made.truth else None,
        "scores": [one.key for one in made.scores],
    }


def _board(  # noqa: PLR0913  # each is a part of the query
    sources: From,
    truth: Truth = "",
    scores: Scores = None,
    undefined: Literal["drop", "rank_last"] = "drop",
    k: K = 10,
    pool_seeds: bool = False,
    resamples: Resamples = None,
) -> dict[str, Any]:
    request = Request(
        tuple(sources), truth, tuple(scores or ()), undefined, k, pool_seeds, resamples
    )
    return as_text.as_json(*answer(request))


def _csv(  # noqa: PLR0913  # each is a part of the query
    sources: From,
    truth: Truth = "",
    scores: Scores = None,
    undefined: Literal["drop", "rank_last"] = "drop",
    k: K = 10,
    pool_seeds: bool = False,
    resamples: Resamples = None,
) -> StreamingResponse:
    request = Request(
        tuple(sources), truth, tuple(scores or ()), undefined, k, pool_seeds, resamples
    )
    rows = answer(request)[3]
    return StreamingResponse(
        as_text.as_csv(rows),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="archfront-board.csv"'},
    )


def answer(request: Request) -> tuple[Offer, Question, Joined, tuple[Row, ...]]:
    """All of it, at once.

    Raises:
        SpecError: what was asked cannot be answered; by field.
    """
    with reading() as session:
        made = offer(session, request, catalogue(session))
    asked = question(made, request)
    figures.check(asked)
    archs = joined(asked.truth, asked.scores)
    return made, asked, archs, figures.rows(asked, archs)
