"""How far a job's process is, where its parent can see it even after it was killed."""

import mmap
import os
import struct
import tempfile
from dataclasses import dataclass

_FORMAT = struct.Struct("=qqq")
_NO_TRIAL = -1


@dataclass(frozen=True)
class Place:
    """Which trial of the job or slice is being measured, and how many events there were.

    Attributes:
        number: of the trial, counted from the first of the job or slice; None while a supernet
            is trained before all trials.
        step: of the last checkpoint of the training under way; 0 when nothing is being trained.
    """

    number: int | None
    num_events: int
    step: int = 0

    @property
    def has_begun(self) -> bool:
        """Whether the child has begun with the job, and is not loading any more."""
        return self.num_events > 0


class Mark:
    """Some bytes that parent and child share; the child moves it, the parent looks.

    Writing costs less than a microsecond, so it is exact: after a crash it names the trial.
    """

    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, _FORMAT.size)

    @classmethod
    def made(cls) -> "tuple[Mark, int]":
        """A new mark, and the file descriptor that the child opens it with."""
        with tempfile.TemporaryFile() as file:
            file.truncate(_FORMAT.size)
            fd = os.dup(file.fileno())
        return cls(fd), fd

    def read(self) -> Place:
        """Where the child is, or was when it ended."""
        number, num_events, step = _FORMAT.unpack_from(self._memory)
        return Place(None if number == _NO_TRIAL else number, num_events, step)

    def reset(self) -> None:
        """Note that the child has an order and has not begun with it."""
        _FORMAT.pack_into(self._memory, 0, 0, 0, 0)

    def move(self, number: int | None, step: int = 0) -> None:
        """Note that there was an event, which trial comes next, and how far a training is."""
        kept = _NO_TRIAL if number is None else number
        _FORMAT.pack_into(self._memory, 0, kept, self.read().num_events + 1, step)
