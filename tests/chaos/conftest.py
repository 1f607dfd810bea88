"""Brokers and databases in pairs: each of them once, for neither knows which the other is."""

from pathlib import Path

import pytest

from tests.workers.brokers import Broker, FolderBroker, RedisBroker

ONE_MACHINE, TEAM = "folder and sqlite", "redis and postgresql"


@pytest.fixture(params=[ONE_MACHINE, TEAM])
def services(request: pytest.FixtureRequest) -> str:
    """What a search runs on; a test that needs one pair alone names it."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(services: str, request: pytest.FixtureRequest) -> str:
    """An empty database of the pair."""
    url: str = request.getfixturevalue(f"{services.split()[-1]}_url")
    return url


@pytest.fixture
def broker(
    services: str, request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Broker:
    """An empty broker of the pair, which BROKER_URL names."""
    if services == ONE_MACHINE:
        monkeypatch.delenv("BROKER_URL", raising=False)
        return FolderBroker(data_dir / "broker")
    monkeypatch.setenv("BROKER_URL", request.getfixturevalue("redis_url"))
    return RedisBroker(request.getfixturevalue("redis_server"))
