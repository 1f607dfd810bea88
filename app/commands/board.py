"""``archfront board``: which score agrees with the truth."""

import enum
import sys
from typing import Annotated

import typer

from app.board import as_text
from app.board.asking import Policy, Request, offer
from app.board.figures import Row
from app.board.routes import MAX_RESAMPLES, answer
from app.commands.output import AsJson, note, show_json, show_table
from db.session import reading, require_current_schema
from search.correlation import Estimate
from workers.catalogue import catalogue


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
    require_current_schema()
    policy: Policy = "rank_last" if undefined is Undefined.RANK_LAST else "drop"
    request = Request(tuple(sources), truth, tuple(score or ()), policy, k, pool_seeds, resamples)
    if columns:
        _list_columns(request, as_json=as_json)
        return
    made, asked, archs, rows = answer(request)
    if as_json:
        show_json(as_text.as_json(made, asked, archs, rows))
    elif as_csv:
        sys.stdout.writelines(as_text.as_csv(rows))
    else:
        note(
            f"{made.space}, truth: {asked.truth.name} ({asked.truth.protocol}), "
            f"{len(archs.ids_N):,} architectures, undefined scores: {policy}, k = {k}"
        )
        if archs.rule:
            note(archs.rule)
        show_table(
            ["score", "#n", "#coverage", "#Spearman", "#tau-b", "#weighted", "#top-10 % Spearman",
             "#top-k", "#regret", ""],
            [_cells(row) for row in rows],
        )  # fmt: skip


def _list_columns(request: Request, *, as_json: bool) -> None:
    with reading() as session:
        made = offer(session, request, catalogue(session))
    listed = [as_text.series_as_json(one) for one in (*made.series, *made.aggregates)]
    if as_json:
        show_json({"columns": listed})
        return
    heads = ("key", "kind", "protocol")
    show_table(heads, [[one[head] for head in heads] for one in listed])


def _cells(row: Row) -> tuple[object, ...]:
    found = row.agreement
    one = row.line.series
    words = "baseline" if row.line.is_baseline else (one.note if one else "")
    if found is None:
        return (row.line.name, *[""] * 8, row.problem)
    return (
        row.line.name,
        f"{found.everything.num_archs:,}",
        f"{found.coverage.ok:,} of {found.coverage.total:,}",
        *(
            _figure(each)
            for each in (
                found.everything.spearman,
                found.everything.kendall,
                found.everything.weighted_kendall,
                found.top.spearman,
                found.precision_at_k,
                found.regret_at_k,
            )
        ),
        words,
    )


def _figure(found: Estimate) -> str:
    if found.value is None:
        return "-"
    if found.low is None or found.high is None:
        return f"{found.value:.3f}"
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
