"""Real servers for tests: private, on free places, gone when the tests are.

Each server is the child of a small shell that waits on a pipe from this process: however this
process ends, the pipe closes and the shell ends the server. Nothing else is ever ended.
"""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
import redis

START_TIMEOUT_S = 60.0
MISSING = "is not installed here"

# $1 is the signal that ends the server, the rest its command. Reading ends when the pipe closes.
_KEEPER = """
signal=$1; shift
"$@" </dev/null &
server=$!
read -r _
kill -s "$signal" "$server" 2>/dev/null
wait "$server"
"""


def missing(service: str) -> NoReturn:
    """Skip a test that needs a service, or fail it where services are required."""
    message = f"{service} {MISSING}"
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"{message}, and REQUIRE_SERVICES=1")
    pytest.skip(message)


def chromium_path() -> str | None:
    """Where a Chromium is, or None."""
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    found = [path for path in map(shutil.which, names) if path]
    pattern = "~/.cache/ms-playwright/chromium-*/chrome-linux*/chrome"
    found += sorted(glob.glob(os.path.expanduser(pattern)), reverse=True)
    return found[0] if found else None


def redis_path() -> str | None:
    """Where a redis-server is, or None."""
    return shutil.which("redis-server")


def postgresql_bin() -> Path | None:
    """The folder of PostgreSQL's server programs, or None."""
    folders = [Path(path) for path in glob.glob("/usr/lib/postgresql/*/bin")]
    folders.sort(key=lambda folder: _number(folder.parent.name), reverse=True)
    pg_config = shutil.which("pg_config")
    if pg_config:
        said = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        folders.insert(0, Path(said.stdout.strip() or "/nowhere"))
    on_path = shutil.which("initdb")
    folders += [Path(on_path).parent] if on_path else []
    usable = (f for f in folders if (f / "initdb").exists() and (f / "postgres").exists())
    return next(usable, None)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server that lives no longer than this process; start again after stop or kill."""

    end_signal = "TERM"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._keeper: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What to run."""
        raise NotImplementedError

    def is_up(self) -> bool:
        """Whether it answers."""
        raise NotImplementedError

    def pid(self) -> int:
        """The process number of the server itself."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert self._keeper is None, "it runs already"
        with (self.folder / "server.log").open("ab") as log:
            self._keeper = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "keeper", self.end_signal, *self.command()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                **_user(),
            )
        _wait(self.is_up, f"{type(self).__name__} did not start: see {self.folder}/server.log")

    def stop(self) -> None:
        """End it in good order; nothing when it does not run."""
        if self._keeper is not None:
            self._keeper.communicate(timeout=START_TIMEOUT_S)
            self._keeper = None

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        os.kill(self.pid(), signal.SIGKILL)
        self.stop()


class PostgreSQL(Server):
    """A cluster of its own, reached through a socket in a private folder."""

    end_signal = "INT"

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        super().__init__(folder)
        self.bin = bin_folder
        self.data = folder / "data"

    def start(self) -> None:
        """Start it; the first time, make the cluster."""
        if not self.data.exists():
            self._make_cluster()
        super().start()

    def command(self) -> list[str]:
        settings = [
            "listen_addresses=",
            "fsync=off",
            "full_page_writes=off",
            "max_connections=200",
        ]
        options = [part for setting in settings for part in ("-c", setting)]
        return [str(self.bin / "postgres"), "-D", str(self.data), "-k", str(self.folder), *options]

    def is_up(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases, for SQLAlchemy."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the one who may do everything."""
        with psycopg.connect(
            host=str(self.folder), user="postgres", dbname=database, autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def _make_cluster(self) -> None:
        options = ["-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        made = subprocess.run(
            [str(self.bin / "initdb"), "-D", str(self.data), *options],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **_user(),
        )
        assert made.returncode == 0, f"initdb failed: {made.stderr}"


class Redis(Server):
    """A Redis on a free port of 127.0.0.1 that keeps nothing on disk."""

    def __init__(self, folder: Path, program: str) -> None:
        super().__init__(folder)
        self.program = program
        self.port = free_port()

    def command(self) -> list[str]:
        options = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "appendonly": "no"}
        options |= {"dir": str(self.folder), "pidfile": str(self.folder / "redis.pid")}
        return [
            self.program,
            *(p for name, value in options.items() for p in (f"--{name}", value)),
        ]

    def is_up(self) -> bool:
        with redis.Redis(port=self.port) as client:
            try:
                return bool(client.ping()) and (self.folder / "redis.pid").exists()
            except redis.ConnectionError:
                return False

    def pid(self) -> int:
        return int((self.folder / "redis.pid").read_text())

    @property
    def url(self) -> str:
        """The address, as a broker's."""
        return f"redis://127.0.0.1:{self.port}/0"

    def clear(self) -> None:
        """Forget everything."""
        with redis.Redis(port=self.port) as client:
            client.flushall()


def private_folder(name: str) -> Path:
    """A new folder with a short path (sockets allow about 100 characters) that servers may use."""
    folder = Path(tempfile.mkdtemp(prefix=f"archfront-{name}-"))
    user = _user().get("user")
    if user is not None:
        shutil.chown(folder, user)
    return folder


def _user() -> dict[str, Any]:
    """Who runs the servers: not root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            group = pwd.getpwnam(name).pw_gid
        except KeyError:
            continue
        return {"user": name, "group": group, "extra_groups": []}
    raise AssertionError("there is no user but root to run a server as")


def _wait(is_done: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_done():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
