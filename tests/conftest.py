"""Fixtures for every test: databases of both kinds, a Redis, an empty data folder."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy.orm import Session

from db import schema
from db import session as record
from db.models import Base
from tests import services

# Other tests and people use the same machine: an example may be slow without being wrong.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

_numbers = itertools.count()

_TABLES = list(reversed(Base.metadata.sorted_tables))
_EMPTY = "; ".join(
    [f"DELETE FROM {table.name}" for table in _TABLES]
    + [f"ALTER SEQUENCE {table}_id_seq RESTART" for table in ("benchmark", "job", "project")]
)
_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = 'shared' AND pid <> pg_backend_pid()
"""


@pytest.fixture(scope="session")
def postgresql() -> Iterator[services.PostgreSQL]:
    """A running PostgreSQL of our own, with a migrated template database."""
    found = services.postgresql_bin()
    if found is None:
        services.missing("PostgreSQL")
    folder = services.private_folder("pg")
    server = services.PostgreSQL(folder, found)
    try:
        server.start()
        server.execute("CREATE DATABASE template")
        _migrate(server.url("template"))
        server.execute("CREATE DATABASE shared TEMPLATE template")
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[services.Redis]:
    """A running Redis of our own; tests share it, so prefer ``redis_url``."""
    found = services.redis_path()
    if found is None:
        services.missing("Redis")
    folder = services.private_folder("redis")
    server = services.Redis(folder, found)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def redis_url(redis_server: services.Redis) -> str:
    """The address of an empty Redis."""
    redis_server.clear()
    return redis_server.url


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "archfront.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, which DATA_DIR names."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("DATA_DIR", str(folder))
    return folder


@pytest.fixture
def sqlite_url(
    data_dir: Path, _sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """An empty, migrated SQLite database in the data folder, which DATABASE_URL names."""
    path = data_dir / "archfront.db"
    shutil.copyfile(_sqlite_template, path)
    url = f"sqlite:///{path}"
    monkeypatch.setenv("DATABASE_URL", url)
    yield url
    record.dispose()


@pytest.fixture
def postgresql_url(
    postgresql: services.PostgreSQL, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """An empty, migrated PostgreSQL database, which DATABASE_URL names.

    It is one database for all tests, emptied before each: that is thirty times as fast as making
    one. A test that changes tables takes ``own_postgresql_url``.
    """
    postgresql.execute(_END_OTHERS)
    postgresql.execute(_EMPTY, "shared")
    url = postgresql.url("shared")
    monkeypatch.setenv("DATABASE_URL", url)
    yield url
    record.dispose()


@pytest.fixture
def own_postgresql_url(
    postgresql: services.PostgreSQL, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A migrated PostgreSQL database that only this test uses."""
    name = f"own_{next(_numbers)}"
    postgresql.execute(f"CREATE DATABASE {name} TEMPLATE template")
    url = postgresql.url(name)
    monkeypatch.setenv("DATABASE_URL", url)
    yield url
    record.dispose()
    postgresql.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database: every test that asks for it runs on both kinds."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    """One writing transaction on an empty database; rolled back when the test fails."""
    with record.transaction() as opened:
        yield opened


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium."""
    found = services.chromium_path()
    if found is None:
        services.missing("Chromium")
    return found


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files: browsers and killed processes by turns with slow ones.

    Tests of the first kind start whole systems, which would starve each other if they all began
    together. Processes take whole files, in this order, so that what a file prepares is prepared
    once.
    """
    by_place: dict[int, dict[Path, list[pytest.Item]]] = {0: {}, 1: {}}
    for item in sorted(items, key=_place):
        by_place[min(_place(item), 1)].setdefault(item.path, []).append(item)
    turns = itertools.zip_longest(*(files.values() for files in by_place.values()), fillvalue=[])
    items[:] = [item for turn in turns for file in turn for item in file]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every test that did not run because a service is not installed."""
    skipped = [
        (report.nodeid, report.longrepr[2])
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple) and services.MISSING in report.longrepr[2]
    ]
    if skipped:
        terminalreporter.section("not run: a service is missing")
        for name, reason in skipped:
            terminalreporter.write_line(f"{name}: {reason.removeprefix('Skipped: ')}")


def _place(item: pytest.Item) -> int:
    if any(item.get_closest_marker(name) is not None for name in ("e2e", "chaos")):
        return 0
    return 2 - (item.get_closest_marker("slow") is not None)


def _migrate(url: str) -> None:
    schema.upgrade(record.engine_for(url))
    record.dispose()
