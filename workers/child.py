"""The process that runs a job, as its parent sees it."""

import os
import select
import signal
import subprocess
from contextlib import suppress

from pydantic import ValidationError

from workers.mark import Mark
from workers.orders import OUTCOME, Ask, Order, Outcome, line
from workers.settings import Settings

_PIECE = 65_536


_KEPT = str(2**30)  # bytes
_DEFAULTS = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "20000",
    "MALLOC_MMAP_THRESHOLD_": _KEPT,
    "MALLOC_TRIM_THRESHOLD_": _KEPT,
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "8192",
}


def job_environment(threads: int) -> dict[str, str]:
    """For so many threads, which soon sleep while they wait, and memory that is kept.

    Waiting in a loop for long, their default, made small networks ten times slower on a machine
    that had other things to do; sleeping at once makes steps of supernets a quarter slower on a
    quiet one. So GNU's threads, which are torch's on Linux, wait in a loop for microseconds.
    Giving the memory of large tensors back after every pass, which is glibc's default, and having
    it cleared page by page for the next one took 14 % of the time of scoring a network. oneDNN,
    which runs torch's convolutions on a CPU, keeps 1,024 compiled kernels unless told otherwise: a
    sandwich step of an elastic network needs most of them, so every step compiled its own anew.
    What the environment says already stays.
    """
    count = str(threads)
    return _DEFAULTS | os.environ | {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}


class Child:
    """One process in a session of its own: it waits, runs one job, and ends.

    Or slices of one job, one after the other: then it waits again after each.

    It ends by itself when this process does. Start it from a thread that lives as long as the
    process: Linux counts the end of the starting thread as the end of the parent.

    Attributes:
        outcome: what it said last, None if it has said nothing.
    """

    def __init__(self, settings: Settings) -> None:
        self.mark, fd = Mark.made()
        try:
            self._process = subprocess.Popen(
                [*settings.child, str(fd), str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
                pass_fds=(fd,),
                env=job_environment(settings.threads or 1),
            )
        finally:
            os.close(fd)
        self._kill_s = settings.kill_s
        self._said = b""
        self.outcome: Outcome | None = None

    @property
    def pid(self) -> int:
        """Its process id, and the id of its process group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it lives; minus the number of the signal that ended it."""
        return self._process.poll()

    def is_running(self) -> bool:
        """Whether it lives; once it does not, all that it has said is heard."""
        if self.returncode is None:
            return True
        while select.select([self._pipe], [], [], 0)[0] and self._hear():
            pass
        return False

    def give(self, order: Order) -> None:
        """Let it run a job."""
        self.outcome = None
        self.mark.reset()
        self._say(order)

    def ask(self, what: Ask) -> None:
        """Ask it to stop between two trials."""
        self._say(what)

    def wait(self, timeout_s: float, also: int | None = None) -> None:
        """Wait until it says something or ends, or *also* (a file descriptor) can be read."""
        pipes = [self._pipe] if also is None else [self._pipe, also]
        ready, _, _ = select.select(pipes, [], [], timeout_s)
        if self._pipe in ready and not self._hear():  # it has closed its end: it is ending
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self._kill_s)

    def end(self) -> None:
        """End it with everything it has started; returns when it is gone."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self._kill_s)
        self._signal(signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def _say(self, what: Order | Ask) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended; the next look will tell
            self._process.stdin.write(line(what))
            self._process.stdin.flush()

    @property
    def _pipe(self) -> int:
        """Where it speaks."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def _hear(self) -> bool:
        """Take in a piece of what it says; whether there was one."""
        piece = os.read(self._pipe, _PIECE)
        *lines, self._said = (self._said + piece).split(b"\n")
        for said in lines:
            with suppress(ValidationError):
                self.outcome = OUTCOME.validate_json(said)
        return bool(piece)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
