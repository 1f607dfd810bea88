"""States of supernet trainings that are under way, each in a file of its own."""

import logging
import os
import re
import secrets
import time
from pathlib import Path
from typing import Any

from search.errors import DataError, RunError
from search.saved_state import save_state, saved_state

FOLDER = Path("trainings", "supernets")
NUM_KEPT = 2  # the checkpoint that is on record may be the one before the latest
MAX_AGE_S = 30 * 24 * 3600
DONE_S = 3600  # after which the states of a training that is done are not needed
_NAME = re.compile(r"([0-9a-f]{32})\.([0-9]{1,12})\.pt")

log = logging.getLogger(__name__)


class StateFiles:
    """The latest states of one training, by the steps that were done.

    Args:
        data_dir: holds the folder of all states.
        key: 32 hex digits, of this training alone; a new one when left out.
    """

    def __init__(self, data_dir: Path, key: str | None = None) -> None:
        self._folder = data_dir / FOLDER
        self.key = key or secrets.token_hex(16)
        self._done = self._folder / f"{self.key}.done"

    def write(self, step: int, state: dict[str, Any]) -> None:
        """Keep a state; whoever is killed leaves all of it or nothing.

        Raises:
            RunError: there is no room for it.
        """
        path = self._path(step)
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        try:
            save_state(state, unfinished)
            unfinished.replace(path)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as the latter
            raise RunError(f"the state of the training cannot be kept: {error}") from error
        finally:
            unfinished.unlink(missing_ok=True)

    def read(self, step: int) -> dict[str, Any]:
        """The state after so many steps, on the CPU.

        Raises:
            DataError: it is gone or damaged.
        """
        path = self._path(step)
        try:
            state: dict[str, Any] = saved_state(path)
        except FileNotFoundError:
            problem = "is gone"
        except ValueError as error:
            problem = f"is damaged ({error})"
        else:
            return state
        raise DataError(
            f"the state of the training after {step:,} steps {problem}: {path.name} in {FOLDER}"
        )

    @property
    def latest(self) -> int:
        """Steps that the latest state has; 0 where there is none."""
        return max(self._steps(), default=0)

    def forget_old(self) -> None:
        """Take away all but the latest states; the last checkpoint has been taken by now."""
        for step in self._steps()[:-NUM_KEPT]:
            self._path(step).unlink(missing_ok=True)

    def finish(self) -> None:
        """The training is done; its last states stay for a while: a checkpoint may name one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._done.touch()
        for path in self._folder.glob("*.done"):
            if _age_s(path) > DONE_S:
                StateFiles(self._folder.parents[1], path.stem).forget()
        for path in self._folder.iterdir():
            if _age_s(path) > MAX_AGE_S:
                path.unlink(missing_ok=True)

    def forget(self) -> None:
        """Take away all of them."""
        for step in self._steps():
            self._path(step).unlink(missing_ok=True)
        self._done.unlink(missing_ok=True)

    def _path(self, step: int) -> Path:
        return self._folder / f"{self.key}.{step}.pt"

    def _steps(self) -> list[int]:
        found = (_NAME.fullmatch(path.name) for path in self._folder.glob(f"{self.key}.*.pt"))
        return sorted(int(name[2]) for name in found if name)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
