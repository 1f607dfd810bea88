"""``archfront board``: which score agrees with the truth."""

import enum
from typing import Annotated

import typer

from app.board import MAX_RESAMPLES
from app.commands.output import AsJson
from db.session import require_current_schema


class Undefined(enum.StrEnum):
    """What is done with undefined scores."""

    DROP = "drop"
    RANK_LAST = "rank_last"


def add_to(cli: typer.Typer) -> None:
    """Add this command."""
    cli.command("board")(board)


def board(
    sources: Annotated[
        list[str],
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="search:ID, group:ID, space:NAME or benchmark:NAME. May be repeated.",
        ),
    ],
    truth: Annotated[
        str, typer.Option(help="The column to be predicted; guessed when left out.")
    ] = "",
    score: Annotated[
        list[str] | None,
        typer.Option(help="A column or aggregate/NAME to compare; every proxy when left out."),
    ] = None,
    undefined: Annotated[
        Undefined, typer.Option(help="What is done with undefined scores.")
    ] = Undefined.DROP,
    k: Annotated[int, typer.Option(min=1, help="How many would be picked by score.")] = 10,
    pool_seeds: Annotated[
        bool, typer.Option("--pool-seeds", help="Take scores of different seeds together.")
    ] = False,
    resamples: Annotated[
        int | None,
        typer.Option(
            min=0, max=MAX_RESAMPLES, help="Behind each interval; 1000, or 200 of many archs."
        ),
    ] = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="Only list what can be compared.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say how far scores agree with the truth: rank correlations, picks, coverage, intervals."""
    # What makes a board loads half of the dashboard; the other commands do without.
    from app.board.asking import Policy, Request
    from app.commands._board_output import print_board, print_columns

    require_current_schema()
    policy: Policy = "rank_last" if undefined is Undefined.RANK_LAST else "drop"
    request = Request(tuple(sources), truth, tuple(score or ()), policy, k, pool_seeds, resamples)
    if columns:
        print_columns(request, as_json=as_json)
    else:
        print_board(request, as_csv=as_csv, as_json=as_json)
