"""States of trainings as torch writes them, and after each the hash of all that is before it.

Torch does not hold what it reads against any checksum: a tensor with some other bits would be
taken as it is, and a training would go on with another result.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from search.artifacts import digest_of, digest_of_file

_SIZE = 32  # bytes of the hash, which is text


def save_state(state: dict[str, Any], path: Path) -> None:
    """Write a file, over one that may be there.

    Raises:
        OSError: it cannot be written.
        RuntimeError: the same, as torch has it.
    """
    torch.save(state, path)
    digest = digest_of_file(path)
    with path.open("ab") as file:
        file.write(digest.encode())


def saved_state(path: Path) -> Any:  # noqa: ANN401  # whatever was saved
    """What was written, on the CPU; plain values and tensors alone.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged; why, in one line.
    """
    try:
        written = path.read_bytes()
        content = written[:-_SIZE]
        if digest_of(content).encode() != written[-_SIZE:]:
            raise ValueError("its content is not what was written")
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(str(error).partition("\n")[0]) from error
