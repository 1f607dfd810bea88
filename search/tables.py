"""Imported benchmarks: published values by architecture."""

import hashlib
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from search.catalogue import TableColumn, TableInfo
from search.errors import DataError
from search.spaces import Arch, Space, spaces
from search.table_file import TableFile, open_table_file

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$"
PREVIEW_ROWS = 8
_METADATA = b"archfront"
_INDEX = "__index__"


@dataclass(frozen=True)
class Guess:
    """What the columns of a file may mean; a person confirms it."""

    space: str | None
    arch_column: str | None
    columns: tuple[TableColumn, ...]
    clock: str | None


@dataclass(frozen=True)
class TablePreview:
    """The first rows of a file, as text, and what its columns may mean."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    num_rows: int
    guess: Guess


@dataclass(frozen=True, eq=False)
class Table:
    """Values by architecture; each arch at most once.

    Attributes:
        indices: numbers of the archs in their space, ascending.
        values: by column, in the order of *indices*; the clock's column too. Finite, or nan
            in columns that may be undefined.
    """

    info: TableInfo
    indices: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]] = field(repr=False)

    def value(self, arch: Arch, column: str) -> float | None:
        """The value of *arch*, nan when undefined; None when the table has no row for it."""
        return self.lookup(column)(spaces[self.info.space].index(arch))

    def lookup(self, column: str) -> Callable[[int], float | None]:
        """A function from a number in the space to the value, as :meth:`value` has it.

        Raises:
            DataError: there is no such column.
        """
        if column not in self.values:
            known = ", ".join(self.values)
            raise DataError(f"table {self.info.name} has no column {column!r}; it has: {known}")
        if column not in self._lookups:
            pairs = zip(self.indices.tolist(), self.values[column].tolist(), strict=True)
            self._lookups[column] = dict(pairs).get
        return self._lookups[column]

    @cached_property
    def _lookups(self) -> dict[str, Callable[[int], float | None]]:
        return {}

    def to_bytes(self) -> bytes:
        """The table as a Parquet file that :meth:`from_bytes` reads."""
        columns = {_INDEX: self.indices, **self.values}
        metadata = {_METADATA: self.info.model_dump_json().encode()}
        written = io.BytesIO()
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), written)
        return written.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Table":
        """Inverse of :meth:`to_bytes`.

        Raises:
            DataError: the content was not written by :meth:`to_bytes`.
        """
        try:
            read = pq.read_table(io.BytesIO(content))
            info = TableInfo.model_validate_json((read.schema.metadata or {})[_METADATA])
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise DataError(
                f"the stored benchmark is broken ({error}); remove and import it again"
            ) from None
        values = {
            name: read.column(name).to_numpy() for name in read.column_names if name != _INDEX
        }
        return cls(info, read.column(_INDEX).to_numpy(), values)


def preview(source: Path | bytes, name: str) -> TablePreview:
    """Look into a file before it is imported.

    Args:
        source: the file, or what an upload brought.
        name: what errors call it.

    Raises:
        DataError: the file is missing, too large or broken.
    """
    file = open_table_file(source, name)
    rows = file.head(PREVIEW_ROWS)
    return TablePreview(
        columns=tuple(file.names),
        rows=tuple(map(tuple, rows)),
        num_rows=file.content.num_rows,
        guess=_guess(name, dict(zip(file.names, map(list, zip(*rows, strict=True)), strict=True))),
    )


def read_table(
    source: Path | bytes,
    *,
    name: str,
    space: str,
    arch_column: str,
    columns: Sequence[TableColumn],
    clock: str | None = None,
) -> Table:
    """Read and check a whole file.

    Args:
        source: the file, or what an upload brought.
        name: the benchmark's name from now on.
        space: name of the space that its architectures belong to.
        arch_column: holds the architectures in the space's text form, or their numbers in it.
        columns: those with values to keep.
        clock: the column with the simulated seconds that an evaluation takes.

    Raises:
        DataError: the first cell that is wrong, by row and column; or the file is broken.
    """
    _check_request(name, space, arch_column, columns)
    file = open_table_file(source, name)
    wanted = [*(column.name for column in columns), *([clock] if clock else [])]
    for column in (arch_column, *wanted):
        file.require(column)
    found = _indices(file, arch_column, spaces[space])
    order = np.argsort(found)
    partial = {column.name for column in columns if column.may_be_undefined} - {clock}
    values = {
        column: file.numbers(column, may_be_undefined=column in partial)[order]
        for column in wanted
    }
    if clock is not None:
        _check_clock(file, clock)
    info = TableInfo(
        name=name,
        space=space,
        columns=tuple(columns),
        clock=clock,
        num_archs=len(found),
        digest=_digest(space, found[order], values),
    )
    return Table(info, found[order], values)


def _check_request(
    name: str, space: str, arch_column: str, columns: Sequence[TableColumn]
) -> None:
    if not re.match(NAME_PATTERN, name):
        raise DataError(
            f"{name!r} cannot name a benchmark: use letters, digits, '_', '-' and '.', at most 64"
        )
    if space not in spaces:
        raise DataError(f"there is no space {space!r}; known: {', '.join(spaces)}")
    if not columns:
        raise DataError("choose at least one column with values")
    names = [column.name for column in columns]
    if arch_column in names:
        raise DataError(f"column {arch_column!r} holds the architectures, it cannot be a value")
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise DataError(f"column {', '.join(twice)} is chosen more than once")


def _check_clock(file: TableFile, clock: str) -> None:
    negative = np.flatnonzero(file.numbers(clock) < 0)
    if len(negative):
        raise file.wrong(int(negative[0]), clock, "a clock cannot run backwards")


def _indices(file: TableFile, column: str, space: Space) -> NDArray[np.int64]:
    if space.size >= 2**63:
        raise DataError("a benchmark of so large a space cannot be imported yet")
    cells = file.texts(column)
    read = _index_of_number if _are_numbers(cells, space) else _index_of_text
    first_place: dict[int, int] = {}
    for place, cell in enumerate(cells):
        try:
            index = read(cell, space)
        except ValueError as error:
            raise file.wrong(place, column, f"no architecture of this space: {error}") from None
        if first_place.setdefault(index, place) != place:
            before = first_place[index] + file.first_row
            raise file.wrong(
                place, column, f"the same architecture as in row {before}: {cell[:200]}"
            )
    return np.fromiter(first_place, dtype=np.int64, count=len(first_place))


def _are_numbers(cells: Sequence[str], space: Space) -> bool:
    return cells[0].isdecimal() and not _decodes(cells[0], space)


def _decodes(text: str, space: Space) -> bool:
    try:
        space.decode(text)
    except ValueError:
        return False
    return True


def _index_of_text(cell: str, space: Space) -> int:
    return space.index(space.decode(cell))


def _index_of_number(cell: str, space: Space) -> int:
    if not cell.isdecimal():
        raise ValueError(f"{cell[:40]!r} is not a number of an architecture")
    index = int(cell)
    if index >= space.size:
        raise ValueError(f"{index} is outside 0 to {space.size - 1}")
    reason = space.invalid_reason(space.at(index))
    if reason is not None:
        raise ValueError(reason)
    return index


def _digest(space: str, indices: NDArray[np.int64], values: dict[str, NDArray[np.float64]]) -> str:
    content = hashlib.blake2b(json.dumps([space, list(values)]).encode(), digest_size=16)
    content.update(indices.tobytes())
    for column in values.values():
        content.update(column.tobytes())
    return content.hexdigest()


_LOWER_IS_BETTER = re.compile(
    r"loss|err|latency|time|second|_s$|_ms$|_mb$|param|flop|macs|size|memory|energy|std"
)
_PERCENT = re.compile(r"acc|valid|test|top_?1")
_DATA = re.compile(r"cifar100|cifar10|imagenet16|imagenet|digits|svhn|ptb")
_UNIT_BY_SUFFIX = {"_ms": "ms", "_s": "s", "_mb": "MB", "_mj": "mJ"}
_CLOCK = re.compile(r"(train|eval).*(time|second|_s$)")


def _guess(file_name: str, by_name: dict[str, list[str]]) -> Guess:
    subject = file_name.partition(".")[0].lower()
    space, arch_column = _guess_arch_column(by_name)
    numeric = [
        name
        for name, column in by_name.items()
        if name not in (arch_column, "index") and any(column) and _all_numbers(column)
    ]
    clock = next((name for name in numeric if _CLOCK.search(name.lower())), None)
    columns = tuple(_guess_column(name, by_name[name], subject) for name in numeric)
    return Guess(space, arch_column, columns, clock)


def _guess_arch_column(by_name: dict[str, list[str]]) -> tuple[str | None, str | None]:
    for name, cells in by_name.items():
        for space in spaces:
            if all(_decodes(cell, spaces[space]) for cell in cells):
                return space, name
    return None, "index" if "index" in by_name else None


def _all_numbers(cells: Sequence[str]) -> bool:
    try:
        return all(isinstance(float(cell), float) for cell in cells if cell)
    except ValueError:
        return False


def _guess_column(name: str, cells: Sequence[str], subject: str) -> TableColumn:
    """By the column's name; where that says nothing, by what the file is called."""
    lower = name.lower()
    undefined = not all(cell and np.isfinite(float(cell)) for cell in cells)
    if not _LOWER_IS_BETTER.search(lower) and not _PERCENT.search(lower):
        lower = f"{lower} {subject}"
    unit = next((unit for suffix, unit in _UNIT_BY_SUFFIX.items() if lower.endswith(suffix)), "")
    data = _guess_dataset(name.lower(), subject)
    guess = TableColumn(name=name, unit=unit, may_be_undefined=undefined, dataset=data)
    if _LOWER_IS_BETTER.search(lower):
        return guess.model_copy(update={"direction": "minimize"})
    if _PERCENT.search(lower) and max(float(cell) for cell in cells if cell) > 1:
        return guess.model_copy(update={"unit": "%"})
    return guess


def _guess_dataset(name: str, subject: str) -> str:
    """By the column's name; for what is no cost by that of the file too."""
    named = _DATA.search(f"{name} {subject.lower()}" if _PERCENT.search(name) else name)
    return named[0] if named else ""
