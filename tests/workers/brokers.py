"""Both brokers, to be restarted and to be given rubbish."""

import shutil
from pathlib import Path
from typing import Protocol

import redis

from tests import services
from workers.queue import message_queue


class Broker(Protocol):
    def restart(self) -> None:
        """What it held is gone."""

    def put_rubbish(self) -> None:
        """A message that nobody can read."""


class FolderBroker:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def restart(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def put_rubbish(self) -> None:
        folder = self._folder / "messages"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"0.{message_queue('cpu')}.msg").write_bytes(b"\xffrubbish")


class RedisBroker:
    def __init__(self, server: services.Redis) -> None:
        self._server = server

    def restart(self) -> None:
        self._server.kill()
        self._server.start()

    def put_rubbish(self) -> None:
        with redis.Redis(port=self._server.port) as client:
            client.lpush(message_queue("cpu"), b"\xffrubbish")
