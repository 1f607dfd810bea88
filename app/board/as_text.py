"""A board as JSON and as CSV."""

from collections.abc import Iterator, Sequence
from typing import Any

from app.board.asking import Offer
from app.board.figures import Question, Row, num_resamples
from app.board.series import Series
from app.board.values import Joined
from app.export import csv_line
from search.correlation import Agreement, Correlations, Estimate

COEFFICIENTS = ("spearman", "kendall", "weighted_kendall")
PICKS = ("top_overlap", "precision_at_k", "regret_at_k")
COUNTS = ("ok", "undefined", "failed", "missing")
ENDS = ("", "_low", "_high")


def as_json(made: Offer, question: Question, archs: Joined, rows: Sequence[Row]) -> dict[str, Any]:
    """Everything that the page's table says."""
    return {
        "space": made.space,
        "truth": series_as_json(question.truth),
        "undefined": question.undefined,
        "k": question.k,
        "num_resamples": num_resamples(question, archs),
        "num_archs": len(archs.ids_N),
        "sample": archs.rule or None,
        "rows": [_row_as_json(row) for row in rows],
    }


def series_as_json(one: Series) -> dict[str, Any]:
    """A column as programs choose it."""
    return {
        "key": one.key,
        "name": one.name,
        "kind": one.kind,
        "protocol": one.protocol,
        "direction": one.direction,
        "unit": one.unit,
        "evidence": one.note or None,
        "remark": one.remark or None,
    }


def as_csv(rows: Sequence[Row]) -> Iterator[str]:
    """A header, then one line for each row; an empty cell where there is no figure."""
    scopes = [f"{scope}{name}" for scope in ("", "top10_") for name in COEFFICIENTS]
    figures = [f"{name}{end}" for name in (*scopes, *PICKS) for end in ENDS]
    heads = ("score", "key", "kind", "protocol", "evidence", "is_baseline", "num_archs", *COUNTS)
    yield csv_line([*heads, *figures, "problem"])
    for row in rows:
        one = row.line.series
        told = (one.key, one.kind, one.protocol, one.note) if one else ("", "", "", "")
        cells = [row.line.name, *told, row.line.is_baseline]
        yield csv_line([*cells, *_cells(row.agreement), row.problem])


def _cells(found: Agreement | None) -> list[object]:
    if found is None:
        return [""] * (1 + len(COUNTS) + len(ENDS) * (2 * len(COEFFICIENTS) + len(PICKS)))
    estimates = [
        *(getattr(found.everything, name) for name in COEFFICIENTS),
        *(getattr(found.top, name) for name in COEFFICIENTS),
        *(getattr(found, name) for name in PICKS),
    ]
    counts = [getattr(found.coverage, name) for name in COUNTS]
    ends = [end for e in estimates for end in (e.value, e.low, e.high)]
    return [found.everything.num_archs, *counts, *("" if end is None else end for end in ends)]


def _row_as_json(row: Row) -> dict[str, Any]:
    one, found = row.line.series, row.agreement
    told: dict[str, Any] = {
        "score": row.line.name,
        "is_baseline": row.line.is_baseline,
        "column": series_as_json(one) if one else None,
        "problem": row.problem or None,
    }
    if found is None:
        return told
    return {
        **told,
        "coverage": {name: getattr(found.coverage, name) for name in COUNTS},
        "all": _correlations(found.everything),
        "top_10_percent": _correlations(found.top),
        **{name: _estimate(getattr(found, name)) for name in PICKS},
    }


def _correlations(found: Correlations) -> dict[str, Any]:
    figures = {name: _estimate(getattr(found, name)) for name in COEFFICIENTS}
    return {"num_archs": found.num_archs, **figures}


def _estimate(found: Estimate) -> dict[str, Any]:
    told = {"value": found.value, "low": found.low, "high": found.high}
    return {**told, "reason": found.reason} if found.reason else told
