"""Where the record is, and how to open it: engines, transactions, reads."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session

from db import schema
from db.errors import StorageBusy, StorageFull, StorageUnusable
from db.plain import to_json

BUSY_TIMEOUT_S = 30.0
# File systems whose locks SQLite cannot rely on.
NETWORK_FILE_SYSTEMS = frozenset(
    {"afpfs", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs"}
    | {"fuse.rclone", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb"}
    | {"smb2", "smb3", "smbfs", "webdav"}
)

_made: dict[tuple[str, int], Engine] = {}


def data_dir() -> Path:
    """The folder of everything that Archfront keeps (``DATA_DIR``); made when missing.

    Raises:
        StorageUnusable: it cannot be made, is no folder, or cannot be written to.
    """
    folder = Path(os.environ.get("DATA_DIR") or "data").expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or error
        raise StorageUnusable(
            f"DATA_DIR: the data folder {folder} cannot be made ({why}); name one that can"
        ) from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise StorageUnusable(
            f"DATA_DIR: the data folder {folder} cannot be written to; "
            "change its permissions or name another"
        )
    return folder


def plugin_dir() -> Path | None:
    """The folder of a team's own plug-ins (``PLUGIN_DIR``), read by workers; None when unset."""
    folder = os.environ.get("PLUGIN_DIR")
    return Path(folder).expanduser().absolute() if folder else None


def database_url() -> str:
    """The address of the database (``DATABASE_URL``); by default a file in the data folder."""
    url = os.environ.get("DATABASE_URL")
    return url or f"sqlite:///{data_dir() / 'archfront.db'}"


def engine() -> Engine:
    """The engine of the configured database, one for each process."""
    return engine_for(database_url())


def engine_for(url: str) -> Engine:
    """The engine of this address, one for each process.

    Raises:
        StorageUnusable: this is no address of SQLite or PostgreSQL, or cannot be used.
    """
    # Keyed on the process too: a forked one must not speak over its parent's connections, nor
    # close them, which is why the parent's engine stays in here.
    key = (url, os.getpid())
    if key not in _made:
        _made[key] = _make(_parse(url))
    return _made[key]


def dispose() -> None:
    """Close every connection of this process; the next use opens new ones."""
    for key in [key for key in _made if key[1] == os.getpid()]:
        _made.pop(key).dispose()


@contextmanager
def transaction() -> Iterator[Session]:
    """A session that writes: committed at the end, rolled back when anything is raised."""
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading() -> Iterator[Session]:
    """A session that sees one state of the database throughout, and cannot write."""
    with Session(_for_reading(engine()), autoflush=False) as session:
        yield session


def upgrade() -> None:
    """Make or migrate the tables of the configured database."""
    schema.upgrade(engine())


def require_current_schema() -> None:
    """Refuse to work on tables of another version.

    Raises:
        SchemaMismatch: says what to do.
    """
    schema.require_current(engine())


def is_on_network(path: Path) -> bool:
    """Whether this path lies on a file system that is shared over a network."""
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    places = [mounts[place] for place in (path, *path.parents) if place in mounts]
    return bool(places) and places[0].lower() in NETWORK_FILE_SYSTEMS


def _make(url: URL) -> Engine:
    return _sqlite_engine(url) if url.get_backend_name() == "sqlite" else _postgresql_engine(url)


def _for_reading(writing: Engine) -> Engine:
    if writing.dialect.name == "postgresql":
        return writing.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True, is_reading=True
        )
    return writing.execution_options(is_reading=True)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StorageUnusable(
            "DATABASE_URL is no database address; write sqlite:///path/to/file "
            "or postgresql://user:password@host/name"
        ) from None
    if parsed.drivername in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StorageUnusable(
            f"DATABASE_URL names {parsed.get_backend_name()}, but only sqlite and postgresql work"
        )
    return parsed


def _postgresql_engine(url: URL) -> Engine:
    made = create_engine(url, pool_pre_ping=True, json_serializer=to_json)
    event.listen(made, "handle_error", _translate)
    return made


def _sqlite_engine(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise StorageUnusable("DATABASE_URL names no file: several processes share the database")
    path = Path(url.database).absolute()
    if not path.parent.is_dir():
        raise StorageUnusable(f"DATABASE_URL: there is no folder {path.parent}; make it first")
    if is_on_network(path):
        raise StorageUnusable(
            f"DATABASE_URL: {path} is on a network file system, where SQLite loses data; "
            "use a local folder, or PostgreSQL for several machines"
        )
    made = create_engine(
        url.set(database=str(path)),
        json_serializer=to_json,
        connect_args={"timeout": BUSY_TIMEOUT_S},
    )
    event.listen(made, "connect", _prepare_sqlite)
    event.listen(made, "begin", _begin_sqlite)
    event.listen(made, "handle_error", _translate)
    return made


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    """Turn off the driver's own transactions, and set what every connection needs."""
    connection.isolation_level = None
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA temp_store = MEMORY")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; SQLite does not wait for others here, so this does."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock before the first read of a transaction that will write."""
    is_reading = connection.get_execution_options().get("is_reading", False)
    connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if is_reading else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")


def _translate(context: ExceptionContext) -> None:
    """Say in our own words what the person who runs Archfront can mend."""
    if context.is_pre_ping:  # the pool has asked whether an old connection lives: it makes another
        return
    error = context.original_exception
    message = str(error).strip()
    if "disk is full" in message or getattr(error, "sqlstate", "") == "53100":
        raise StorageFull(
            "no space is left where the database lives; make room, then go on: "
            "nothing of this step was written"
        ) from error
    if "database is locked" in message:
        raise StorageBusy(
            f"other writers kept the database for more than {BUSY_TIMEOUT_S:.0f} s; try again"
        ) from error
    if "unable to open database file" in message or _is_file_read_only(context, message):
        raise StorageUnusable(
            f"the database file cannot be opened for writing ({message}); "
            "check the permissions of the data folder"
        ) from error
    if context.connection is None and isinstance(context.sqlalchemy_exception, OperationalError):
        raise StorageUnusable(
            f"DATABASE_URL: the database cannot be reached: {message}"
        ) from error


def _is_file_read_only(context: ExceptionContext, message: str) -> bool:
    """Not when it is only our own reading session that may not write."""
    connection = context.connection
    is_reading = connection is not None and connection.get_execution_options().get("is_reading")
    return "readonly database" in message and not is_reading
