"""The processes of a worker, whose queue outlasts a process that is killed while it waits."""

import fcntl
import tempfile
from typing import Literal

from billiard.pool import Pool
from celery.concurrency import prefork


class KernelLock:
    """Held by one process at a time; the system takes it from a process that ends.

    A semaphore, which Celery's pool has, stays held when its process is killed. An idle process
    always holds the one of the queue, so after that nobody read a message any more.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the lock is used

    def acquire(self) -> Literal[True]:
        """Wait until no other process holds it."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        """Let the next one have it."""
        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class _Processes(Pool):
    def _setup_queues(self) -> None:
        super()._setup_queues()  # type: ignore[misc]
        self._inqueue._rlock = KernelLock()  # type: ignore[attr-defined]
        self._outqueue._wlock = KernelLock()  # type: ignore[attr-defined]


class TaskPool(prefork.TaskPool):
    """Celery's, with such locks where processes share a queue: for brokers without events."""

    BlockingPool = _Processes
