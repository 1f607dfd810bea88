"""Run benchmarks, print a table, keep the latest figures: ``python -m benchmarks [name ...]``.

A benchmark is a module beside this one with a function ``rows()``, which gives dictionaries with
name, ours, theirs, ratio, unit and what. What was not run this time keeps its last figures.
"""

import json
import pkgutil
import sys
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

import benchmarks

LATEST = Path(__file__).parent / "latest.json"
FIELDS = ("name", "ours", "theirs", "ratio", "unit", "what")


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; 1 when one is unknown or fails."""
    known = [name for name in modules() if hasattr(load(name), "rows")]
    unknown = set(names) - set(known)
    console = Console()
    if unknown:
        console.print(f"no benchmark {', '.join(sorted(unknown))}; known: {', '.join(known)}")
        return 1
    new = [row for name in names or known for row in load(name).rows()]
    show(new, console)
    LATEST.write_text(json.dumps(merged(new), indent=2) + "\n")
    return 0


def modules() -> list[str]:
    """Files beside this one."""
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in found if not name.startswith("_"))


def load(name: str):
    """The module of a benchmark."""
    return import_module(f"benchmarks.{name}")


def merged(new: list[dict[str, object]]) -> list[dict[str, object]]:
    """The latest figures, the new ones in place of the old."""
    old = json.loads(LATEST.read_text()) if LATEST.exists() else []
    by_name = {row["name"]: row for row in (*old, *new)}
    return [{field: row.get(field) for field in FIELDS} for row in by_name.values()]


def show(rows: list[dict[str, object]], console: Console) -> None:
    """A table for people."""
    table = Table()
    for field in FIELDS:
        table.add_column(
            field,
            overflow="fold",
            justify="left" if field in {"name", "unit", "what"} else "right",
        )
    for row in rows:
        table.add_row(*(_text(row.get(field)) for field in FIELDS))
    console.print(table)


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
