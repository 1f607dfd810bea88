"""What ``archfront board`` prints."""

import sys

from app.board import as_text
from app.board.asking import Request, offer
from app.board.figures import Row
from app.board.routes import answer
from app.commands.output import note, show_json, show_table
from db.session import reading
from search.correlation import Estimate
from workers.catalogue import catalogue


def print_board(request: Request, *, as_csv: bool, as_json: bool) -> None:
    """The rows of a board: a table, CSV or JSON."""
    made, asked, archs, rows = answer(request)
    if as_json:
        show_json(as_text.as_json(made, asked, archs, rows))
    elif as_csv:
        sys.stdout.writelines(as_text.as_csv(rows))
    else:
        note(
            f"{made.space}, truth: {asked.truth.name} ({asked.truth.protocol}), "
            f"{len(archs.ids_N):,} architectures, undefined scores: {asked.undefined}, "
            f"k = {asked.k}"
        )
        if archs.rule:
            note(archs.rule)
        show_table(
            ["score", "#n", "#coverage", "#Spearman", "#tau-b", "#weighted", "#top-10 % Spearman",
             "#top-k", "#regret", ""],
            [_cells(row) for row in rows],
        )  # fmt: skip


def print_columns(request: Request, *, as_json: bool) -> None:
    """What a board of these sources can compare."""
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
