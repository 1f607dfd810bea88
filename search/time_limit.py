"""A limit to the time that something may take in this thread."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class TrialTimeoutError(Exception):
    """The trial took longer than its budget allows."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TrialTimeoutError in here when time is up.

    Between two operations at the latest, which is as soon as Python can; and only in the main
    thread of systems that have timers. Elsewhere a trial that is late is noticed by the caller.
    """
    if seconds <= 0:
        raise TrialTimeoutError
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not hasattr(signal, "setitimer"):
        yield
        return
    with _alarm(seconds, _raise_timeout):
        yield


@contextmanager
def _alarm(seconds: float, handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    start = time.monotonic()
    handler_before = signal.signal(signal.SIGALRM, handler)
    left_before, interval_before = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler_before)
        if left_before:  # somebody else waits for an alarm: give it back
            left = max(1e-3, left_before - (time.monotonic() - start))
            signal.setitimer(signal.ITIMER_REAL, left, interval_before)


def _raise_timeout(_signum: int, _frame: FrameType | None) -> None:
    raise TrialTimeoutError
