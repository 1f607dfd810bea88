"""What the file of a trained supernet says of itself. No torch here.

The format is safetensors: eight bytes with the size of a header, the header as JSON, and the
tensors one after the other. What was trained is JSON in the header's metadata.
"""

import json
from pathlib import Path
from typing import Any, BinaryIO

from search.artifacts import digest_of_file, is_digest
from search.catalogue import CHECKPOINT_VERSION, CheckpointInfo
from search.errors import DataError

EXTENSION = "safetensors"
KEY = "archfront"  # of the metadata
HELD_OUT = "held_out"  # a tensor that every such file has
MAX_HEADER = 100_000_000  # bytes, as safetensors has it
OF_RECORD = {"digest", "size_bytes", "job_id", "name", "created_at"}  # no file says these

_SIZE = 8  # bytes before the header


def described(file: BinaryIO, digest: str) -> tuple[dict[str, Any], CheckpointInfo]:
    """What a file says of itself: all of it, and what searches need.

    Args:
        file: at its beginning; read up to the tensors.
        digest: of its content.

    Raises:
        DataError: it is no checkpoint of a supernet.
    """
    try:
        told = json.loads(_header(file)["__metadata__"][KEY])
        plain = {key: value for key, value in told.items() if key not in OF_RECORD}
        return told, CheckpointInfo.model_validate({**plain, "digest": digest})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError(f"the file {digest} is no checkpoint of a supernet") from None


def examined(path: Path, digest: str | None = None) -> CheckpointInfo:
    """What a file is that comes from elsewhere, once all of it was looked at.

    Args:
        path: where it lies; where its name begins with a hash, its content must have it.
        digest: that its content must have.

    Raises:
        DataError: it is damaged, no checkpoint of a supernet, or one of another version.
        OSError: it cannot be read.
    """
    found = digest_of_file(path)
    stem = path.name.partition(".")[0]
    wanted = digest or (stem if is_digest(stem) else found)
    if found != wanted:
        raise DataError(f"{path} is damaged: its content has the hash {found}, not {wanted}")
    try:
        with path.open("rb") as file:
            _, info = described(file, found)
            file.seek(0)
            header = _header(file)
            whole = file.tell() + _size_of_tensors(header)
    except (DataError, ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path} is no checkpoint of a supernet, or it is damaged") from None
    if HELD_OUT not in header:
        raise DataError(f"{path} does not say which examples its supernet was not trained on")
    if path.stat().st_size != whole:
        raise DataError(
            f"{path} is damaged: it has {path.stat().st_size:,} bytes, and its header tells of "
            f"{whole:,}"
        )
    if info.version != CHECKPOINT_VERSION:
        raise DataError(
            f"{path} is a checkpoint of version {info.version}, and version {CHECKPOINT_VERSION} "
            "is needed: train the supernet anew"
        )
    return info.model_copy(update={"size_bytes": whole})


def _header(file: BinaryIO) -> dict[str, Any]:
    size = int.from_bytes(file.read(_SIZE), "little")
    if size > MAX_HEADER:
        raise ValueError("no header is so long")
    header: dict[str, Any] = json.loads(file.read(size))
    return header


def _size_of_tensors(header: dict[str, Any]) -> int:
    """Bytes of all tensors, which leave no gap."""
    places = sorted(part["data_offsets"] for key, part in header.items() if key != "__metadata__")
    end = 0
    for start, stop in places:
        if start != end or stop < start:
            raise ValueError("tensors lie apart or overlap")
        end = stop
    return end
