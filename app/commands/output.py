"""What commands print: tables for people, JSON for programs, complaints for both."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def say(message: str) -> None:
    """A line for people, on standard output."""
    typer.echo(message)


def complain(message: str) -> None:
    """A line about what went wrong, on standard error."""
    typer.echo(f"archfront: {message}", err=True)


def note(message: str) -> None:
    """A line for people that must not mix with what a command writes to standard output."""
    typer.echo(message, err=True)


def show_json(value: object) -> None:
    """Print *value* as JSON."""
    typer.echo(as_text(value), nl=False)


def as_text(value: object) -> str:
    """Indented JSON, with a line end; times are written in ISO 8601."""
    return json.dumps(value, indent=2, default=_plain, ensure_ascii=False, allow_nan=False) + "\n"


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under bold headers; a column whose name begins with ``#`` is right-aligned."""
    table = Table(box=None, pad_edge=False)
    for name in columns:
        justify: JustifyMethod = "right" if name.startswith("#") else "left"
        table.add_column(name.lstrip("#"), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    Console().print(table)


def show_fields(fields: dict[str, Any]) -> None:
    """Print names and values, one a line; what is empty is left out."""
    shown = {name: value for name, value in fields.items() if value not in (None, "", [], {})}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        typer.echo(f"{name:<{width}}  {value}")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
