"""Migrations: up, down, in step with the models, two at a time; other versions are refused."""

import subprocess
import sys

import pytest
from sqlalchemy import inspect, text

from db import schema
from db import session as record
from db.errors import SchemaMismatch


@pytest.fixture
def postgresql_url(own_postgresql_url):
    """These tests change tables."""
    return own_postgresql_url


@pytest.fixture
def empty(database_url):
    """The engine of a database without tables."""
    engine = record.engine()
    schema.downgrade(engine, "base")
    return engine


def test_migrated_tables_are_those_of_the_models(database_url):
    schema.check(record.engine())


def test_downgrade_to_base_leaves_no_table(empty):
    assert set(inspect(empty).get_table_names()) <= {"alembic_version"}


def test_upgrade_after_downgrade_makes_the_same_tables(empty):
    schema.upgrade(empty)

    schema.require_current(empty)
    schema.check(empty)


def test_upgrade_of_a_current_database_changes_nothing(database_url):
    record.upgrade()

    record.require_current_schema()


def test_database_without_tables_is_refused_with_the_remedy(empty):
    with pytest.raises(SchemaMismatch, match="archfront db upgrade"):
        record.require_current_schema()


def test_database_of_an_unknown_version_is_refused(database_url):
    with record.engine().begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from_tomorrow'"))

    with pytest.raises(SchemaMismatch, match=r"from_tomorrow.*newer Archfront"):
        record.require_current_schema()
    with pytest.raises(SchemaMismatch, match=r"from_tomorrow.*newer Archfront"):
        record.upgrade()


def test_tables_of_somebody_else_are_left_alone(empty):
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE job (id INTEGER)"))

    with pytest.raises(SchemaMismatch, match="a database of its own"):
        schema.upgrade(empty)


def test_processes_that_upgrade_at_the_same_time_agree(empty):
    code = "from db import session; session.upgrade(); session.require_current_schema()"

    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]

    assert [process.wait(60) for process in running] == [0, 0, 0, 0]
