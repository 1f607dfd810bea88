"""A whole Archfront for tests: `archfront up` on a data folder of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
ARCHFRONT = (sys.executable, "-m", "app.cli")
TIMEOUT_S = 240.0


class Up:
    """A running `archfront up`."""

    def __init__(self, folder: Path, port: int, *options: str) -> None:
        self.log = folder.with_suffix(".log")
        self._environment = {**os.environ, "DATA_DIR": str(folder)}
        for name in ("DATABASE_URL", "BROKER_URL", "PLUGIN_DIR"):
            self._environment.pop(name, None)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*ARCHFRONT, "up", "--port", str(port), *options],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def address(self) -> str:
        return re.findall(r"Archfront is at (\S+)", self.said)[-1]

    def until(self, claim: Callable[[], object]) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not claim():
            assert time.monotonic() < deadline, self.said
            time.sleep(0.1)

    def serve(self) -> "Up":
        self.until(lambda: "Archfront is at" in self.said or self.process.poll() is not None)
        assert self.process.poll() is None, self.said
        return self

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(120)

    def is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def close(self) -> None:
        """End it if it runs."""
        if self.process.poll() is None:
            self.end(signal.SIGTERM)

    def has_worker(self) -> bool:
        """Whether a worker has reported what it offers."""
        return '"host"' in self.archfront("workers", "--json", check=False)

    def archfront(self, *words: str, stdin: str = "", check: bool = True) -> str:
        """What a command prints that works on the same data folder."""
        done = subprocess.run(
            [*ARCHFRONT, *words],
            input=stdin,
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def jobs(self) -> list[dict[str, Any]]:
        """The searches, newest first."""
        found: list[dict[str, Any]] = json.loads(self.archfront("jobs", "--json"))["jobs"]
        return found

    def part(self, module: str) -> psutil.Process:
        """The running process of a part: ``app.server`` or ``workers``."""
        (found,) = [p for p in self.descendants() if p.cmdline()[1:3] == ["-m", module]]
        return found
