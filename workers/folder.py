"""Celery's filesystem transport, made to survive what happens to a folder.

Messages are written whole or not at all, one process takes each, a message that cannot be
read is dropped with a warning, and a folder that has vanished is made again. Messages go to
queues by name (the default exchange), so there are no tables of exchanges to lose.
"""

import logging
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """Queues as files: ``<when>_<id>.<queue>.msg``, oldest first."""

    def _put(  # type: ignore[override]  # its two parents disagree
        self, queue: str, payload: dict[str, Any], **_options: object
    ) -> None:
        folder = Path(self.data_folder_out)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{time.time_ns():020}_{uuid.uuid4().hex}.{queue}.msg"
        unfinished = path.with_suffix(".part")
        unfinished.write_text(dumps(payload))
        unfinished.rename(path)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        for path in self._waiting(queue):
            payload = self._take(path)
            if payload is not None:
                return payload
        raise Empty

    def _take(self, path: Path) -> dict[str, Any] | None:
        """The message, or None when another process was faster or it cannot be read."""
        taken = Path(self.processed_folder) / path.name
        taken.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.rename(taken)
            content = taken.read_bytes()
            taken.unlink()
        except FileNotFoundError:
            return None
        payload = _message(content)
        if payload is None:
            log.warning("dropped a message that cannot be read: %s", path.name)
        return payload

    def _waiting(self, queue: str) -> list[Path]:
        return sorted(Path(self.data_folder_in).glob(f"*.{queue}.msg"))

    def _size(self, queue: str) -> int:
        return len(self._waiting(queue))

    def _purge(self, queue: str) -> int:
        waiting = self._waiting(queue)
        for path in waiting:
            path.unlink(missing_ok=True)
        return len(waiting)


class Transport(filesystem.Transport):
    """The transport; its queues are folders of this machine."""

    Channel = Channel


def is_message(payload: object) -> bool:
    """Whether Celery can make a message of this; what the body says is its own affair."""
    match payload:
        case {"body": str(), "properties": {"delivery_tag": str(), "delivery_info": dict()}}:
            return True
    return False


def _message(content: bytes) -> dict[str, Any] | None:
    try:
        payload = loads(content.decode())
    except ValueError:
        return None
    return payload if is_message(payload) else None
