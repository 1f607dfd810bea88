"""What a worker's main process does beside Celery: say that it lives, and find what is lost."""

import json
import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from db import jobs, workers
from db.session import data_dir, plugin_dir, transaction
from db.workers import Report
from workers.patience import AWAY, brief
from workers.queue import send
from workers.settings import Settings

OFFER_TIMEOUT_S = 300.0
_LOOK_S = 0.2

log = logging.getLogger(__name__)


@dataclass
class Chore:
    """Something to do every so often; it waits longer while it fails."""

    action: Callable[[], None]
    every_s: float
    due_at: float = 0.0
    num_failed: int = 0

    def do(self) -> None:
        """Do it if it is due; the database or the broker may be away."""
        if time.monotonic() < self.due_at:
            return
        try:
            self.action()
            self.num_failed = 0
        except (*AWAY, OSError) as error:
            self.num_failed = min(self.num_failed + 1, 4)
            log.warning("%s has to wait: %s", self.action.__name__, brief(error))
        self.due_at = time.monotonic() + self.every_s * 2**self.num_failed


class Upkeep:
    """A thread that reports, beats and sweeps until it is stopped.

    While it speaks to the database no process is forked: a forked one would inherit half a
    conversation, and locks that nobody in it can open.

    Args:
        worker_id: of this worker.
        queues: that it serves.
        settings: how often.
        is_idle: whether it would take a message now.
    """

    def __init__(
        self,
        worker_id: str,
        queues: Sequence[str],
        settings: Settings,
        is_idle: Callable[[], bool],
    ) -> None:
        self._id = worker_id
        self._queues = list(queues)
        self._settings = settings
        self._is_idle = is_idle
        self._catalogue: dict[str, object] | None = None
        self._offered_of: object = None
        self._offering: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._speaking = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="upkeep", daemon=True)
        os.register_at_fork(
            before=self._speaking.acquire,
            after_in_parent=self._speaking.release,
            after_in_child=self._speaking.release,
        )

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, and note that this worker has stopped in good order."""
        self._stopping.set()
        if self._offering is not None and self._offering.poll() is None:
            self._offering.kill()
        if self._thread.is_alive():
            self._thread.join(self._settings.give_up_s)
        try:
            with self._speaking, transaction() as session:
                workers.stop(session, self._id)
        except AWAY as error:
            log.warning("could not sign off: %s", brief(error))

    def _work(self) -> None:
        chores = [
            Chore(self.offer, self._settings.heartbeat_s),
            Chore(self.heartbeat, self._settings.heartbeat_s),
            Chore(self.sweep, self._settings.sweep_s),
        ]
        try:
            while not self._stopping.wait(_LOOK_S):
                for chore in chores:
                    chore.do()
        finally:
            if not self._stopping.is_set():  # a worker without upkeep would look dead: end it
                os.kill(os.getpid(), signal.SIGTERM)

    def offer(self) -> None:
        """Report what can be run here: at the start, and when data sets or plug-ins change."""
        now = _fingerprint()
        if now == self._offered_of:
            return
        self._catalogue = self._ask_offer()
        self._report()
        self._offered_of = now

    def heartbeat(self) -> None:
        """Say that this worker lives."""
        if self._catalogue is None:
            return
        with self._speaking, transaction() as session:
            is_known = workers.heartbeat(session, self._id)
        if not is_known:
            self._report()

    def sweep(self) -> None:
        """Take back lost jobs, and send again what nobody took."""
        with self._speaking, transaction() as session:
            swept = jobs.sweep(
                session,
                unclaimed_after_s=self._settings.unclaimed_after_s,
                idle_queues=self._queues if self._is_idle() else (),
            )
        for job_id in swept.lost:
            log.warning("job %d was lost", job_id)
        for job_id, queue in swept.to_send:
            if not send(job_id, queue):
                return

    def _report(self) -> None:
        assert self._catalogue is not None
        said = Report(self._id, socket.gethostname(), os.getpid(), self._queues, self._catalogue)
        with self._speaking, transaction() as session:
            workers.report(session, said)

    def _ask_offer(self) -> dict[str, object]:
        """In a process of its own: the engine is not loaded into the one that forks."""
        command = [*self._settings.offering, str(os.getpid())]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
        ) as process:
            self._offering = process
            try:
                said, _ = process.communicate(timeout=OFFER_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
        if process.returncode != 0:
            raise ChildProcessError(
                "what can be run here could not be found out; the log says why"
            )
        offered: dict[str, object] = json.loads(said)
        return offered


def _fingerprint() -> list[tuple[str, float]]:
    """Changes when a data set or a plug-in is added, changed or removed."""
    folders = (data_dir() / "datasets", plugin_dir())
    places = [
        place
        for folder in folders
        if folder is not None and folder.is_dir()
        for place in (folder, *folder.glob("*"))
    ]
    return sorted((str(place), place.stat().st_mtime) for place in places)
