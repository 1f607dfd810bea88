"""Programs are started, started again, and ended, with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app import supervisor as supervisor_module
from app.supervisor import Program, Supervisor

FOREVER = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


@pytest.fixture(autouse=True)
def _short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "BACK_OFF_S", (0.05, 0.3))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervise(tmp_path: Path, said: list[str]) -> Iterator[Callable[..., Supervisor]]:
    made = []

    def make(program: Program) -> Supervisor:
        made.append(Supervisor([program], said.append))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.stop(patience_s=0)


def python(code: str, tmp_path: Path) -> Program:
    return Program("thing", [sys.executable, "-c", code], tmp_path / "thing.log")


def until(claim: Callable[[], bool], supervisor: Supervisor, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline, "it did not happen in time"
        supervisor.watch()
        time.sleep(0.02)


def test_a_program_that_ends_is_started_again_and_its_last_words_are_shown(
    supervise, said, tmp_path
):
    program = python("print('out of luck'); raise SystemExit(3)", tmp_path)

    supervisor = supervise(program)
    until(lambda: program.num_crashes >= 2, supervisor)

    assert "thing ended (exit code 3)" in said[0]
    assert "out of luck" in said[0]


def test_the_wait_grows_with_every_crash(supervise, tmp_path):
    program = python("raise SystemExit(1)", tmp_path)

    supervisor = supervise(program)
    until(lambda: program.num_crashes == 2, supervisor)

    assert program.due_at - time.monotonic() > 0.1


def test_stop_ends_a_willing_program_at_once(supervise, tmp_path):
    program = python(FOREVER, tmp_path)
    supervisor = supervise(program)
    supervisor.watch()

    started = time.monotonic()
    supervisor.stop(patience_s=300)

    assert time.monotonic() - started < 100
    assert program.process.returncode == -signal.SIGTERM


def test_stop_kills_a_program_that_does_not_listen(supervise, tmp_path):
    program = python(
        STUBBORN.replace("time.sleep", "print('up', flush=True); time.sleep"), tmp_path
    )
    supervisor = supervise(program)
    until(lambda: "up" in program.tail(), supervisor)

    supervisor.stop(patience_s=0.2)

    assert program.process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_programs_end_when_the_supervisor_is_killed(tmp_path):
    code = f"""
import sys, time
from pathlib import Path
from app.supervisor import Program, Supervisor
program = Program("thing", [sys.executable, "-c", {FOREVER!r}], Path({str(tmp_path / "log")!r}))
Supervisor([program], print).watch()
print(program.process.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = psutil.Process(int(parent.stdout.readline()))

    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()

    gone, _ = psutil.wait_procs([child], timeout=60)
    assert gone == [child]
