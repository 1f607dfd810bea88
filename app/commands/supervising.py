"""``archfront up``: everything on one machine; Ctrl-C ends all of it."""

import signal
import socket
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock, Timeout

from app.commands.output import complain, note, say
from app.commands.serving import LOOPBACK, PORT
from app.demo import demo_submission, is_history_empty
from app.supervisor import Program, Supervisor
from db.session import data_dir, reading, upgrade
from db.workers import living
from workers.queue import submit

PATIENCE_S = 10.0
TICK_S = 0.2


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.command("up")(up)


def up(
    port: Annotated[
        int, typer.Option(min=1, max=65_535, help="The next free one is taken.")
    ] = PORT,
    demo: Annotated[
        bool, typer.Option("--demo", help="Submit a first search when there is none yet.")
    ] = False,
) -> None:
    """Run a worker and the pages on this machine, until Ctrl-C."""
    folder = data_dir()
    with _alone(folder):
        upgrade()
        free = free_port(port)
        if free != port:
            note(f"Port {port} is taken; using {free}.")
        address = f"http://{LOOPBACK}:{free}"
        programs = _programs(folder / "logs", free)
        note(f"Starting. Data: {folder}; logs: {folder / 'logs'}")
        steps = [lambda: _announced(address)] + ([_demo_submitted] if demo else [])
        _run(Supervisor(programs, complain), steps)
    note("Stopped. The history stays; start again to go on.")


def free_port(first: int) -> int:
    """The first port from *first* on that nobody listens on.

    Raises:
        OSError: twenty in a row are taken.
    """
    for port in range(first, min(first + 20, 65_536)):
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise OSError(f"every port from {first} to {first + 19} is taken; name another with --port")


def _programs(logs: Path, port: int) -> list[Program]:
    logs.mkdir(exist_ok=True)
    for log in logs.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))
    archfront = [sys.executable, "-m", "app.cli"]
    return [
        Program("worker", [*archfront, "worker"], logs / "worker.log"),
        Program("web", [*archfront, "web", "--port", str(port)], logs / "web.log"),
    ]


def _run(supervisor: Supervisor, steps: list[Callable[[], bool]]) -> None:
    """Watch until a signal comes; each step is tried until it is done, then the next."""
    stopping = threading.Event()
    with _signals_set(stopping):
        while not stopping.is_set():
            supervisor.watch()
            if steps and steps[0]():
                steps.pop(0)
            stopping.wait(TICK_S)
        note("\nStopping.")
        supervisor.stop(PATIENCE_S)


@contextmanager
def _signals_set(event: threading.Event) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal set *event* and interrupt nothing."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: event.set()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _announced(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
            say(f"Archfront is at {address}   (Ctrl-C ends it)")
    except OSError:
        return False
    return True


def _demo_submitted() -> bool:
    with reading() as session:
        if not is_history_empty(session):
            return True
        if not living(session):
            return False
    (job_id,) = submit(demo_submission())
    say(f"A first search is queued: number {job_id}.")
    return True


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the data folder, so that a second `up` says so instead of doing the same work."""
    lock = FileLock(folder / "up.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        complain(f"it is running already on the data folder {folder}; end that one first")
        raise typer.Exit(1) from None
    with lock:
        yield
