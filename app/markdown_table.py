"""Small tables as Markdown: read by screen readers, copied as text. Cells are Markdown."""

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, num_left: int = 1) -> str:
    """A table whose first columns are words and stand left, the others numbers and right."""
    rule = ["---" if place < num_left else "---:" for place in range(len(heads))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))
