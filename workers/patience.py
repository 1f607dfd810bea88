"""Go on when the database is away for a while."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from db.errors import StorageUnusable
from db.session import reading

T = TypeVar("T")

# What passes when the database comes back, or when somebody makes room for it.
AWAY = (OperationalError, InterfaceError, StorageUnusable)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0

log = logging.getLogger(__name__)


class StillAway(StorageUnusable):
    """The database was away for longer than anybody waits."""


def persist(action: Callable[[int], T], *, give_up_s: float) -> T:
    """Try until it works, with longer and longer pauses.

    Args:
        action: told how often it was tried before: a commit whose answer was lost may have
            happened.
        give_up_s: after this time it is over.

    Raises:
        StillAway: with the last error's message.
    """
    deadline = time.monotonic() + give_up_s
    pause_s = FIRST_PAUSE_S
    num_tried = 0
    while True:
        try:
            return action(num_tried)
        except AWAY as error:
            if time.monotonic() + pause_s > deadline:
                raise StillAway(brief(error)) from error
            log.warning("the database is away, trying again in %.1f s: %s", pause_s, brief(error))
        time.sleep(pause_s)
        num_tried += 1
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def read(question: Callable[[Session], T], *, give_up_s: float) -> T:
    """What the record answers, as soon as it does.

    Raises:
        StillAway: it does not for so long.
    """

    def ask(_: int) -> T:
        with reading() as session:
            return question(session)

    return persist(ask, give_up_s=give_up_s)


def brief(error: Exception) -> str:
    """The first line of an error, without the statement and the traceback."""
    return str(error).partition("\n")[0]
