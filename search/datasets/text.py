"""Any text file, symbol by symbol: what comes after each stretch of it?"""

from functools import lru_cache
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from search.datasets import DatasetInfo, Images, Labels, Part, Pixels, datasets
from search.datasets._digest import digest_of
from search.datasets._folder import datasets_dir, inside
from search.errors import DataError

TEST_SHARE = 0.1  # from the end, so that no test symbol is seen in training
MAX_SYMBOLS = 256
MAX_BYTES = 100_000_000


@datasets.register
def text(
    data_dir: Path,
    /,
    *,
    file: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}\.txt$",
            description="A text file in datasets.",
        ),
    ] = "text.txt",
    length: Annotated[
        int, Field(ge=2, le=512, description="Symbols that are read before one is to be told.")
    ] = 32,
) -> Images:
    """Your own text: the next symbol after each stretch of datasets/<file>, for recurrent cells.

    A stretch is an image of one row: a channel for each symbol there is, a column for each
    symbol of the stretch, one-hot.
    """
    root = datasets_dir(data_dir)
    path = root / file
    if not path.is_file():
        raise DataError(f"there is no text {path}: put a text file (UTF-8) there")
    status = inside(root, path).stat()
    return _opened(path, length, status.st_mtime_ns, status.st_size)


def files(data_dir: Path) -> dict[str, list[str]]:
    """The text files in datasets."""
    root = datasets_dir(data_dir)
    found = sorted(path.name for path in root.glob("*.txt")) if root.is_dir() else []
    return {"file": found}


text.choices = files  # type: ignore[attr-defined]


@lru_cache(maxsize=4)
def _opened(path: Path, length: int, _mtime_ns: int, size: int) -> Images:
    if size > MAX_BYTES:
        raise DataError(f"{path} has over {MAX_BYTES:,} bytes: put a shorter text there")
    symbols, codes_T = _read(path)
    num_test = int(len(codes_T) * TEST_SHARE)
    parts = [
        _part(codes, length, len(symbols))
        for codes in np.split(codes_T, [len(codes_T) - num_test])
    ]
    num_train, num_test = (len(part.labels) for part in parts)
    if not num_train or not num_test:
        raise DataError(f"{path} is too short for stretches of {length} symbols: add more text")
    info = DatasetInfo(
        shape=(len(symbols), 1, length),
        num_classes=len(symbols),
        num_train=num_train,
        num_test=num_test,
        digest=digest_of([f"{length} {''.join(symbols)}".encode(), codes_T.tobytes()]),
        class_names=symbols,
        content="text",
    )
    nothing, one = [0.0] * len(symbols), [1.0] * len(symbols)
    return Images(info, parts[0], parts[1], mean=nothing, deviation=one)


def _read(path: Path) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The symbols that occur, sorted, and the text as places among them."""
    try:
        content = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.start}): save it as such"
        ) from None
    found, codes_T = np.unique(np.array(list(content), dtype="<U1"), return_inverse=True)
    if not 2 <= len(found) <= MAX_SYMBOLS:
        raise DataError(
            f"{path} has {len(found)} different symbols; a text of 2 to {MAX_SYMBOLS} is needed"
        )
    return tuple(found.tolist()), codes_T.astype(np.int64)


def _part(codes_T: NDArray[np.int64], length: int, num_symbols: int) -> Part:
    """Stretches that follow one another, each with the symbol after it."""
    labels_N: Labels = codes_T[length::length]

    def pixels(places: NDArray[np.int64]) -> Pixels:
        columns_NT = places[:, None] * length + np.arange(length)
        one_hot_NTC: NDArray[np.bool_] = codes_T[columns_NT][..., None] == np.arange(num_symbols)
        return np.where(one_hot_NTC[:, None], np.uint8(255), np.uint8(0))

    return Part(labels_N, pixels)
