"""Opening the record: what cannot be used is said, writers wait, readers see one state."""

import os
import sqlite3
import threading
import time

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from db import clock, jobs
from db import session as record
from db.errors import StorageBusy, StorageFull, StorageUnusable
from tests.db.making import new_job

NUM_WRITERS = 4


def test_data_dir_is_made_when_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "a" / "b"))

    assert record.data_dir() == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_data_dir_is_below_the_current_folder_by_default(tmp_path, monkeypatch):
    monkeypatch.delenv("DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)

    assert record.data_dir() == tmp_path / "data"


def test_file_in_the_place_of_the_data_dir_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "file"))

    with pytest.raises(StorageUnusable, match=r"DATA_DIR: the data folder .*file cannot be made"):
        record.data_dir()


def test_data_dir_without_permission_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(StorageUnusable, match=r"DATA_DIR: .* cannot be written to"):
        record.data_dir()


def test_database_is_a_file_of_the_data_dir_by_default(data_dir, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)

    assert record.database_url() == f"sqlite:///{data_dir}/archfront.db"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("no address", "is no database address"),
        ("mysql://host/name", "names mysql, but only sqlite and postgresql work"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////nowhere/at/all.db", "there is no folder /nowhere/at"),
    ],
)
def test_unusable_address_is_refused_with_the_reason(url, message):
    with pytest.raises(StorageUnusable, match=message):
        record.engine_for(url)


@pytest.mark.parametrize("name", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_uses_one_driver(name):
    engine = record.engine_for(f"{name}://somebody@127.0.0.1:1/nothing")

    assert engine.dialect.driver == "psycopg"
    record.dispose()


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_sqlite_on_a_network_file_system_is_refused(tmp_path, monkeypatch, kind):
    mounts = [("/", "ext4"), (str(tmp_path), kind)]
    parts = [type("Part", (), {"mountpoint": place, "fstype": fs}) for place, fs in mounts]
    monkeypatch.setattr(record.psutil, "disk_partitions", lambda **_: parts)

    with pytest.raises(StorageUnusable, match="network file system"):
        record.engine_for(f"sqlite:///{tmp_path}/deep.db")
    assert not record.is_on_network(tmp_path.parent / "beside.db")


def test_address_without_a_server_says_so():
    engine = record.engine_for("postgresql://somebody@127.0.0.1:1/nothing")

    with pytest.raises(StorageUnusable, match="cannot be reached"):
        engine.connect()
    record.dispose()


def test_one_engine_serves_a_process(database_url):
    assert record.engine() is record.engine_for(database_url)


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 1), ("foreign_keys", 1), ("busy_timeout", 30_000)],
)
def test_sqlite_is_set_up_for_many_processes(sqlite_url, pragma, value):
    with record.engine().connect() as connection:
        assert connection.execute(text(f"PRAGMA {pragma}")).scalar_one() == value


def test_transaction_is_undone_when_anything_is_raised(database_url):
    with pytest.raises(ZeroDivisionError), record.transaction() as session:
        jobs.add_job(session, new_job()).priority = 1 // 0

    with record.reading() as session:
        assert jobs.num_jobs(session) == 0


def test_reading_session_cannot_write(database_url):
    with pytest.raises(DBAPIError, match=r"read-?only"), record.reading() as session:
        jobs.add_job(session, new_job())


def test_writing_is_possible_after_reading(database_url):
    with record.reading() as session:
        assert jobs.num_jobs(session) == 0

    with record.transaction() as session:
        jobs.add_job(session, new_job())


def test_reading_sees_one_state_throughout(database_url):
    with record.reading() as session:
        before = jobs.num_jobs(session)
        with record.transaction() as other:
            jobs.add_job(other, new_job())
        assert jobs.num_jobs(session) == before

    with record.reading() as session:
        assert jobs.num_jobs(session) == before + 1


def test_writers_that_read_first_lose_no_update_on_sqlite(sqlite_url):
    with record.transaction() as session:
        job_id = jobs.add_job(session, new_job()).id

    def raise_priority():
        for _ in range(20):
            with record.transaction() as session:
                job = jobs.job(session, job_id)
                job.priority += 1

    writers = [threading.Thread(target=raise_priority) for _ in range(NUM_WRITERS)]
    [writer.start() for writer in writers]
    [writer.join() for writer in writers]

    with record.reading() as session:
        assert jobs.job(session, job_id).priority == 20 * NUM_WRITERS


def test_full_disk_is_said_in_our_words_and_nothing_is_written(sqlite_url):
    with record.transaction() as session:
        pages = session.execute(text("PRAGMA page_count")).scalar_one()
        session.execute(text(f"PRAGMA max_page_count = {pages + 2}"))

    large = new_job(spec={"objectives": [], "filler": "x" * 100_000})
    with pytest.raises(StorageFull, match="make room"), record.transaction() as session:
        jobs.add_job(session, large)

    with record.reading() as session:
        assert jobs.num_jobs(session) == 0


def test_database_that_others_keep_is_said_to_be_busy(sqlite_url, data_dir, monkeypatch):
    monkeypatch.setattr(record, "BUSY_TIMEOUT_S", 0.2)
    other = sqlite3.connect(data_dir / "archfront.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageBusy, match="try again"), record.transaction() as session:
        jobs.add_job(session, new_job())
    other.close()


def test_folder_instead_of_a_database_file_is_said(data_dir):
    (data_dir / "archfront.db").mkdir()

    with pytest.raises(StorageUnusable, match="cannot be opened"):
        record.engine_for(f"sqlite:///{data_dir}/archfront.db").connect()
    record.dispose()


def test_clock_is_the_databases_and_moves(database_url):
    with record.reading() as session:
        first = clock.read_clock(session)
        time.sleep(0.01)
        assert clock.read_clock(session) > first
        assert abs(first.timestamp() - time.time()) < 60


@pytest.mark.parametrize("seconds", [90.5, -90.5, 0.0])
def test_clock_reckons(database_url, seconds):
    with record.reading() as session:
        now, then = session.execute(select(clock.now(), clock.after(seconds))).one()

    assert (then - now).total_seconds() == pytest.approx(seconds, abs=0.05)
