"""Keep programs running as child processes: start, restart with back-off, end; no orphans."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

BACK_OFF_S = (1.0, 2.0, 5.0, 15.0, 30.0)
SETTLED_S = 60.0  # whoever ran this long starts again with the shortest wait
PR_SET_PDEATHSIG = 1


@dataclass
class Program:
    """A command that should be running; its output goes to *log*."""

    name: str
    command: Sequence[str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    due_at: float = 0.0
    num_crashes: int = field(default=0)

    def tail(self, num_lines: int = 8) -> str:
        """The last lines it wrote."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(lines[-num_lines:])


class Supervisor:
    """Runs programs until told to stop.

    Call :meth:`watch` a few times a second: it never blocks. Each program gets a process session
    of its own, so that Ctrl-C in a terminal reaches the supervisor alone, which then ends
    them in order; on Linux they also get SIGTERM when the supervisor dies.
    """

    def __init__(self, programs: Sequence[Program], say: Callable[[str], None]) -> None:
        self._programs = list(programs)
        self._say = say

    def watch(self) -> None:
        """Start what is due, and note what has ended."""
        for program in self._programs:
            if program.process is not None and program.process.poll() is not None:
                self._note_end(program, program.process.returncode)
            if program.process is None and time.monotonic() >= program.due_at:
                self._start(program)

    def stop(self, patience_s: float) -> None:
        """End everything: ask each, wait together for at most *patience_s*, then kill.

        Only the program itself is asked, because it may want to end its own children in order;
        what is left of its whole group is killed.
        """
        running = [p.process for p in self._programs if p.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + patience_s
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for process in running:
            _kill_group(process.pid)
            process.wait()

    def _start(self, program: Program) -> None:
        program.started_at = time.monotonic()
        with program.log.open("ab") as log:
            program.process = subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    def _note_end(self, program: Program, code: int) -> None:
        now = time.monotonic()
        if now - program.started_at > SETTLED_S:
            program.num_crashes = 0
        wait_s = BACK_OFF_S[min(program.num_crashes, len(BACK_OFF_S) - 1)]
        program.process = None
        program.num_crashes += 1
        program.due_at = now + wait_s
        self._say(
            f"{program.name} ended ({_how(code)}); starting it again in {wait_s:.0f} s. "
            f"Its last lines, from {program.log}:\n{program.tail()}"
        )


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
