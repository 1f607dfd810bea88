"""Where trainings that were interrupted go on: one file for each, written after every epoch.

The files lie in ``trainings`` inside the data folder. A file is named by a hash of everything
that decides the training but its length, and by its length: a longer training finds what a
shorter one of the same horizon has left, and goes on from there.
"""

import logging
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from search.saved_state import save_state, saved_state

FOLDER = "trainings"
MAX_BYTES = 1 << 30  # of all files together; the oldest go first
MAX_FILES = 2_000
MAX_AGE_S = 30 * 24 * 3600
VERSION = 1

_NAME = re.compile(r"[0-9a-f]{32}\.([0-9]{1,6})\.pt")

log = logging.getLogger(__name__)

State = dict[str, Any]


class States:
    """The states of one training and of those that differ from it in length alone.

    Args:
        data_dir: holds the folder of all states.
        key: 32 hex digits for everything that decides the training but its length.
        epochs: the length of the training.
    """

    def __init__(self, data_dir: Path, key: str, epochs: int) -> None:
        self._folder = data_dir / FOLDER
        self._key = key
        self._epochs = epochs
        self._path = self._folder / f"{key}.{epochs:06}.pt"

    def latest(self) -> State | None:
        """The state with most epochs that this training can go on from."""
        states = [state for path in self._usable() if (state := self._read(path)) is not None]
        return max(states, key=lambda state: int(state["epoch"]), default=None)

    def write(self, state: State) -> None:
        """Replace the state of this training; a process that is killed leaves one or the other."""
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(f".{os.getpid()}.part")
        try:
            save_state({"version": VERSION, "key": self._key, **state}, unfinished)
            unfinished.replace(self._path)
        except OSError as error:
            log.warning("the state of a training cannot be kept: %s", error)
            unfinished.unlink(missing_ok=True)

    def finish(self, state: State) -> None:
        """Write the last state, and take away what nobody needs any more.

        What shorter trainings left is not needed: this state serves whoever it could serve.
        """
        self.write(state)
        for path in self._usable():
            if path != self._path:
                path.unlink(missing_ok=True)
        prune(self._folder)

    def _usable(self) -> list[Path]:
        return [
            path
            for path in self._folder.glob(f"{self._key}.*.pt")
            if (found := _NAME.fullmatch(path.name)) and int(found[1]) <= self._epochs
        ]

    def _read(self, path: Path) -> State | None:
        """A state, or None when the file is damaged; it is not needed then."""
        try:
            state = saved_state(path)
            is_ours = state["version"] == VERSION and state["key"] == self._key
            if is_ours and 0 < int(state["epoch"]) <= self._epochs:
                return dict(state)
            problem = "it belongs to another training"
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            problem = str(error)
        log.warning("%s cannot be used, so its training starts over: %s", path.name, problem)
        path.unlink(missing_ok=True)
        return None


def prune(folder: Path, *, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES) -> None:
    """Take away what is old, and the oldest until the rest is not too much."""
    now = time.time()
    kept_bytes = 0
    for num_kept, (changed_at, size, path) in enumerate(_newest_first(folder)):
        kept_bytes += size
        is_too_much = kept_bytes > max_bytes or num_kept >= max_files
        if is_too_much or now - changed_at > MAX_AGE_S:
            path.unlink(missing_ok=True)


def _newest_first(folder: Path) -> list[tuple[float, int, Path]]:
    found = []
    for path in folder.glob("*.p*t"):
        with suppress(FileNotFoundError):
            status = path.stat()
            found.append((status.st_mtime, status.st_size, path))
    return sorted(found, reverse=True)
