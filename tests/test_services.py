"""The servers that tests use: missing ones are skipped by name, or fail where required."""

import os

import psycopg
import pytest
import redis

from tests import services


def test_missing_service_is_skipped_by_name(monkeypatch):
    monkeypatch.delenv("REQUIRE_SERVICES", raising=False)

    with pytest.raises(pytest.skip.Exception, match="Redis is not installed here"):
        services.missing("Redis")


def test_missing_service_fails_where_services_are_required(monkeypatch):
    monkeypatch.setenv("REQUIRE_SERVICES", "1")

    with pytest.raises(pytest.fail.Exception, match="Redis is not installed here"):
        services.missing("Redis")


def test_redis_is_empty_and_answers(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "over")


def test_redis_comes_back_after_kill(redis_server):
    before = redis_server.pid()

    redis_server.kill()
    redis_server.start()

    assert redis_server.pid() != before
    assert redis_server.is_up()


def test_postgresql_is_reached_only_through_its_private_folder(postgresql):
    address = {"host": str(postgresql.folder), "user": "postgres", "dbname": "postgres"}
    with psycopg.connect(**address) as connection:
        (listens_on,) = connection.execute("SHOW listen_addresses").fetchone()

    assert listens_on == ""
    assert os.stat(postgresql.folder).st_mode & 0o077 == 0


def test_ports_are_free_and_differ():
    assert len({services.free_port() for _ in range(5)}) > 1


def test_found_chromium_can_be_run(chromium):
    assert os.access(chromium, os.X_OK)
