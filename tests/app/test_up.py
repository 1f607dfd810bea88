"""`archfront up` with real processes: it serves, heals, and leaves nothing behind."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.running import Up
from tests.services import free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Start one on a data folder of its own; whatever is left is ended afterwards."""
    started: list[Up] = []

    def start_one(*options: str, port: int | None = None) -> Up:
        started.append(Up(tmp_path / "data", port or free_port(), *options))
        return started[-1]

    yield start_one
    for up in started:
        up.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything(start, number):
    up = start().serve()
    left = up.descendants()

    started = time.monotonic()
    code = up.end(number)

    assert code == 0
    assert time.monotonic() - started < 20
    _, alive = psutil.wait_procs(left, timeout=5)
    assert alive == []


def test_killing_it_leaves_no_process_behind(start):
    up = start().serve()
    left = up.descendants()

    up.end(signal.SIGKILL)

    _, alive = psutil.wait_procs(left, timeout=30)
    assert alive == []


def test_a_port_that_is_taken_is_left_alone(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        up = start(port=port).serve()

    assert f"Port {port} is taken" in up.said
    assert up.is_healthy()


def test_a_second_one_on_the_same_folder_says_so(start):
    start().serve()

    second = start()

    assert second.process.wait(30) == 1
    assert "running already" in second.said


def test_a_killed_web_server_is_started_again(start):
    up = start().serve()

    up.part("app.server").kill()

    up.until(lambda: "web ended (signal SIGKILL)" in up.said)
    up.until(up.is_healthy)


def test_demo_submits_a_search_once_and_goes_on_with_it(start):
    up = start("--demo").serve()
    up.until(lambda: "A first search is queued" in up.said)
    up.end(signal.SIGINT)

    again = start("--demo").serve()
    again.until(lambda: again.jobs()[0]["state"] == "running")

    assert len(again.jobs()) == 1
