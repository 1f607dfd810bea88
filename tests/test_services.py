"""A missing service skips the tests that need it, by name, or fails them where it is required."""

import os
import subprocess
import sys
from pathlib import Path

import redis

ROOT = Path(__file__).parent.parent
TEST = "tests/test_services.py::test_redis_answers"


def pytest_without_redis(**variables: str) -> str:
    environment = {**os.environ, "PATH": str(Path(sys.executable).parent), **variables}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", TEST],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_redis_answers(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_without_a_service_a_test_is_skipped_and_named():
    output = pytest_without_redis(REQUIRE_SERVICES="0")

    assert f"{TEST}: Redis is not installed here" in output
    assert "1 skipped" in output


def test_where_services_are_required_a_missing_one_fails():
    output = pytest_without_redis(REQUIRE_SERVICES="1")

    assert "1 error" in output
    assert "REQUIRE_SERVICES=1" in output
