"""Celery's Redis transport, made to survive a message that cannot be read."""

import logging
from queue import Empty
from typing import Any

from kombu.transport import redis

from workers.folder import is_message

log = logging.getLogger(__name__)


class Channel(redis.Channel):
    """Drops what is no JSON; without this one such message ends every worker, one by one."""

    def _brpop_read(self, **options: Any) -> Any:  # noqa: ANN401
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # not in the stubs
        except ValueError:
            log.warning("dropped a message that cannot be read")
            raise Empty from None


class Transport(redis.Transport):
    """Drops what is JSON but no message."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str | None) -> None:  # noqa: ANN401
        if is_message(message):
            super()._deliver(message, queue)
        else:
            log.warning("dropped a message that cannot be read")
