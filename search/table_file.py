"""Columns of a CSV or Parquet file, as they stand there, with errors that name row and column."""

import csv
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from search.errors import DataError

MAX_BYTES = 1 << 30
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class TableFile:
    """An opened file.

    Attributes:
        source: what errors call it.
        first_row: what people call the row that comes first: 2 under a header line.
    """

    source: str
    content: pa.Table
    first_row: int

    @property
    def names(self) -> list[str]:
        """Column names, in the order of the file."""
        return [str(name) for name in self.content.column_names]

    def row(self, place: int) -> str:
        """What people call the row at *place*, counted from 0."""
        header = " (the header is row 1)" if self.first_row == 2 else ""
        return f"row {place + self.first_row}{header}"

    def wrong(self, place: int, column: str, why: str) -> DataError:
        """An error about one cell."""
        return DataError(f"{self.source}, {self.row(place)}, column {column!r}: {why}")

    def texts(self, column: str) -> list[str]:
        """The cells of a column as text, blanks around them removed.

        Raises:
            DataError: the column is not there, or a cell is empty.
        """
        cells = self._cells(column)
        for place, cell in enumerate(cells):
            if cell == "":
                raise self.wrong(place, column, "the cell is empty; fill it or remove the row")
        return cells

    def numbers(self, column: str, *, may_be_undefined: bool = False) -> NDArray[np.float64]:
        """The cells of a column as finite numbers.

        Args:
            column: which.
            may_be_undefined: give nan for an empty cell, nan and infinities.

        Raises:
            DataError: the column is not there, or a cell is no number; or empty or not finite,
                unless that is allowed.
        """
        if may_be_undefined:
            cells = self._cells(column)
            parsed = [self._any_number(place, column, cell) for place, cell in enumerate(cells)]
            numbers = np.asarray(parsed, dtype=np.float64)
            return np.where(np.isfinite(numbers), numbers, np.nan)
        try:
            converted = pc.cast(self._column(column), pa.float64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return self._numbers_one_by_one(column)
        numbers = np.asarray(converted.to_numpy(zero_copy_only=False), dtype=np.float64)
        if converted.null_count or not np.isfinite(numbers).all():
            return self._numbers_one_by_one(column)
        return numbers

    def _numbers_one_by_one(self, column: str) -> NDArray[np.float64]:
        cells = self._cells(column)
        numbers = [self._number(place, column, cell) for place, cell in enumerate(cells)]
        return np.asarray(numbers, dtype=np.float64)

    def _any_number(self, place: int, column: str, cell: str) -> float:
        try:
            return float(cell or "nan")
        except ValueError:
            raise self.wrong(place, column, f"{cell[:40]!r} is not a number") from None

    def _number(self, place: int, column: str, cell: str) -> float:
        number = self._any_number(place, column, cell)
        if np.isfinite(number):
            return number
        what = f"{cell[:40]!r} is not a finite number" if cell else "the cell is empty"
        raise self.wrong(
            place, column, f"{what}; fill it, allow undefined values, or leave the column out"
        )

    def head(self, num_rows: int) -> list[list[str]]:
        """The first rows, as text."""
        first = self.content.slice(0, num_rows)
        columns = [[_text(cell) for cell in column.to_pylist()] for column in first.columns]
        return [list(row) for row in zip(*columns, strict=True)]

    def require(self, column: str) -> None:
        """Check that the column is there.

        Raises:
            DataError: it is not.
        """
        if column not in self.names:
            known = ", ".join(self.names)
            raise DataError(f"{self.source} has no column {column!r}; it has: {known}")

    def _column(self, column: str) -> pa.ChunkedArray:
        self.require(column)
        return self.content.column(column)

    def _cells(self, column: str) -> list[str]:
        return [_text(cell) for cell in self._column(column).to_pylist()]


def open_table_file(source: Path | bytes, name: str) -> TableFile:
    """Read a CSV file (also gzipped) or a Parquet file: by its first bytes or its name.

    Args:
        source: the file, or what an upload brought.
        name: what errors call it.

    Raises:
        DataError: the file is missing, too large or broken.
    """
    content = _unpacked(_read(source), name)
    is_parquet = content.startswith(_PARQUET) or name.lower().endswith(".parquet")
    opened = _parquet(content, name) if is_parquet else _csv(content, name)
    _require_different_names(opened.column_names, name)
    if opened.num_rows == 0:
        raise DataError(f"{name} has no rows")
    return TableFile(name, opened, first_row=1 if is_parquet else 2)


def _read(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        if source.stat().st_size > MAX_BYTES:
            raise DataError(f"{source} is larger than {MAX_BYTES >> 20} MB")
        return source.read_bytes()
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror or error}") from None


def _unpacked(content: bytes, name: str) -> bytes:
    if not content.startswith(_GZIP):
        return content
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(content, MAX_BYTES)
    except zlib.error as error:
        raise DataError(f"{name} is not a whole gzip file ({error}); copy it again") from None
    if unpacker.unconsumed_tail:
        raise DataError(f"{name} is larger than {MAX_BYTES >> 20} MB when unpacked")
    if not unpacker.eof:
        raise DataError(f"{name} is cut off in the middle; copy it again")
    return unpacked


def _parquet(content: bytes, name: str) -> pa.Table:
    try:
        return pq.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name} is not a whole Parquet file ({error})") from None


def _csv(content: bytes, name: str) -> pa.Table:
    """Every cell as text: nothing is guessed, so that ``0001`` stays ``0001``."""
    header, delimiter = _header(content, name)
    try:
        return pacsv.read_csv(
            io.BytesIO(content),
            read_options=pacsv.ReadOptions(use_threads=False),  # then errors know their row
            parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name} cannot be read as CSV: {error}") from None


def _header(content: bytes, name: str) -> tuple[list[str], str]:
    line = content[:1_000_000].partition(b"\n")[0]
    try:
        text = line.decode("utf-8-sig").strip("\r")
    except UnicodeDecodeError:
        raise DataError(
            f"{name} is neither CSV in UTF-8 (gzipped or not) nor a Parquet file"
        ) from None
    if not text.strip():
        raise DataError(f"{name} is empty, or its first line is: it must name the columns")
    delimiter = max(_DELIMITERS, key=text.count)
    return next(csv.reader([text], delimiter=delimiter)), delimiter


def _require_different_names(names: Sequence[str], name: str) -> None:
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise DataError(f"{name} has several columns named {', '.join(twice)}; rename them")


def _text(cell: object) -> str:
    return "" if cell is None else str(cell).strip()
