"""What ``archfront board`` prints."""

import sys

from app import wording
from app.board import as_text
from app.board.asking import Request, offer
from app.board.figures import Row
from app.board.routes import answer
from app.commands.output import note, show_json, show_table
from db.session import reading
from search.correlation import Estimate
from workers.catalogue import catalogue

HEADS = ("score", "#archs", "#Spearman", "#tau-b", "#top 10 %", "#top k", "#regret")


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
        note("* baseline; top 10 %: Spearman among the best by truth; more figures: --csv, --json")
        if archs.rule:
            note(archs.rule)
        show_table(HEADS, [_cells(row) for row in rows if row.agreement is not None])
        for row in rows:
            said = row.problem or (row.line.series.remark if row.line.series else "")
            if said:
                note(f"{row.line.name}: {said}")


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
    found, one = row.agreement, row.line.series
    assert found is not None
    mark = "*" if row.line.is_baseline else ""
    words = f" ({one.note})" if one is not None and one.note else ""
    covered = found.coverage
    return (
        f"{row.line.name}{mark}{words}",
        f"{covered.ok:,}" if covered.ok == covered.total else f"{covered.ok:,}/{covered.total:,}",
        _with_interval(found.everything.spearman),
        _figure(found.everything.kendall),
        _figure(found.top.spearman),
        _figure(found.precision_at_k),
        wording.number(found.regret_at_k.value),
    )


def _with_interval(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return _figure(found)
    return f"{_figure(found)} [{_short(found.low)}, {_short(found.high)}]"


def _figure(found: Estimate) -> str:
    return "-" if found.value is None else f"{found.value:.3f}"


def _short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1)
