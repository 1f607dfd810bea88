"""Lines of code that are broken where brackets open, when they are too long."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH = 99
STEP = 4


@dataclass(frozen=True)
class Bracket:
    """Something with items between brackets, such as a call."""

    start: str
    items: Sequence["Piece"]
    end: str


Piece = str | Bracket


def flat(piece: Piece) -> str:
    """On one line."""
    if isinstance(piece, str):
        return piece
    return f"{piece.start}{', '.join(map(flat, piece.items))}{piece.end}"


def wrapped(piece: Piece, indent: int, *, before: str = "", after: str = "") -> list[str]:
    """Lines, each with its indent.

    Args:
        piece: what to write.
        indent: of the first and the last line.
        before: text in front of it, such as an assignment.
        after: text behind it.
    """
    line = f"{' ' * indent}{before}{flat(piece)}{after}"
    if isinstance(piece, str) or len(line) <= WIDTH or not piece.items:
        return [line]
    inner = [part for item in piece.items for part in wrapped(item, indent + STEP, after=",")]
    first = f"{' ' * indent}{before}{piece.start}"
    return [first, *inner, f"{' ' * indent}{piece.end}{after}"]


def parsed(line: str) -> Piece:
    """A line of code that ends with a bracket, as that bracket; any other as it is.

    It holds no string with a bracket or comma in it.
    """
    if not line.endswith((")", "]")):
        return line
    depth, start = 0, 0
    commas: list[int] = []
    for place, character in enumerate(line):
        if character in "([{":
            start, commas = (place, []) if depth == 0 else (start, commas)
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 1:
            commas.append(place)
    bounds = [start, *commas, len(line) - 1]
    items = [line[a + 1 : b].strip() for a, b in pairwise(bounds)]
    return Bracket(line[: start + 1], [parsed(item) for item in items if item], line[-1])


def keyed(key: str, piece: Piece) -> Piece:
    """The piece behind a key or the name of an argument."""
    if isinstance(piece, str):
        return f"{key}{piece}"
    return Bracket(f"{key}{piece.start}", piece.items, piece.end)
