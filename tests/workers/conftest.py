import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import services
from tests.workers.brokers import Broker, FolderBroker, RedisBroker


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(16)
        yield int(deaf.getsockname()[1])


@pytest.fixture(params=["folder", "redis"])
def broker(
    request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Broker:
    """An empty broker of each kind, which BROKER_URL names."""
    if request.param == "folder":
        monkeypatch.delenv("BROKER_URL", raising=False)
        return FolderBroker(data_dir / "broker")
    server: services.Redis = request.getfixturevalue("redis_server")
    monkeypatch.setenv("BROKER_URL", request.getfixturevalue("redis_url"))
    return RedisBroker(server)
