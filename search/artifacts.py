"""Files that outlive a run: trained supernets, exported networks. No torch here.

They lie in ``artifacts`` inside the data folder, each named by a hash of its content, so that
equal files are one file and a file that was changed is noticed before it is used.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from search.errors import DataError

FOLDER = "artifacts"
_PIECE = 1 << 20  # bytes that are read at a time


def digest_of(content: bytes) -> str:
    """32 hex digits for a content."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def keep(data_dir: Path, content: bytes, extension: str) -> tuple[str, Path]:
    """Write a file under the hash of its content; one that is there and whole is left alone.

    Args:
        data_dir: holds the folder of all artifacts.
        content: of the file.
        extension: without the dot.

    Returns:
        The hash and the path.
    """
    digest = digest_of(content)
    path = data_dir / FOLDER / f"{digest}.{extension}"
    if path.exists() and digest_of_file(path) == digest:
        return digest, path
    _write(path, [content], digest)
    return digest, path


def take(data_dir: Path, source: Path, digest: str, extension: str) -> Path:
    """Copy a file from elsewhere under its hash; one that is there and whole is left alone.

    Args:
        data_dir: holds the folder of all artifacts.
        source: the file.
        digest: of its content.
        extension: without the dot.

    Returns:
        Where it lies now.

    Raises:
        DataError: its content is another one by now.
    """
    path = data_dir / FOLDER / f"{digest}.{extension}"
    if not path.exists() or digest_of_file(path) != digest:
        _write(path, _pieces(source), digest)
    return path


def find(data_dir: Path, digest: str) -> Path:
    """The file of this hash, whatever its extension; its content is not looked at.

    Raises:
        DataError: there is none.
    """
    found = sorted((data_dir / FOLDER).glob(f"{digest}.*")) if is_digest(digest) else []
    whole = [path for path in found if path.suffix != ".part"]
    if not whole:
        raise DataError(f"there is no file {digest} in the folder {FOLDER} of the data folder")
    return whole[0]


def read(data_dir: Path, digest: str) -> bytes:
    """The content of the file of this hash.

    Raises:
        DataError: there is none, or it is damaged.
    """
    path = find(data_dir, digest)
    content = path.read_bytes()
    if digest_of(content) != digest:
        raise DataError(
            f"the file {path.name} is damaged: its content is no longer what its name says"
        )
    return content


def digest_of_file(path: Path) -> str:
    """The hash of a file, read piece by piece."""
    whole = hashlib.blake2b(digest_size=16)
    for piece in _pieces(path):
        whole.update(piece)
    return whole.hexdigest()


def _write(path: Path, pieces: Iterable[bytes], digest: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    whole = hashlib.blake2b(digest_size=16)
    try:
        with unfinished.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                whole.update(piece)
            file.flush()
            os.fsync(file.fileno())
        if whole.hexdigest() != digest:
            raise DataError(f"the file for {path.name} was changed while it was read")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def is_digest(text: str) -> bool:
    """Whether a text has the form of a hash."""
    return len(text) == 32 and set(text) <= set("0123456789abcdef")
