"""A worker: Celery in front, one warm process for the next job behind, upkeep beside."""

import argparse
import logging
import os
import sys
import uuid
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from celery import bootsteps, signals
from celery.worker import state as received
from celery.worker.consumer.tasks import Tasks

from db.errors import RecordError
from db.session import data_dir, require_current_schema
from workers.orphans import end_after
from workers.pool import TaskPool
from workers.queue import QUEUES, celery_app, message_queue
from workers.settings import Settings
from workers.tasks import Runner, register
from workers.upkeep import Upkeep

log = logging.getLogger(__name__)


class KeepUp(bootsteps.StartStopStep):
    """Starts the upkeep after the processes are forked, whether or not the broker is there."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, upkeep: Upkeep, **options: Any) -> None:  # noqa: ANN401
        self._upkeep = upkeep
        super().__init__(worker, **options)

    def start(self, worker: Any) -> None:  # noqa: ANN401
        """Called by Celery once the pool runs."""
        self._upkeep.start()

    def stop(self, worker: Any) -> None:  # noqa: ANN401
        """Called by Celery when the worker ends in good order."""
        self._upkeep.stop()


class OnlyWhenIdle(bootsteps.StartStopStep):
    """Takes no message while every process is busy: another worker may be free."""

    requires = (Tasks,)

    def start(self, consumer: Any) -> None:  # noqa: ANN401
        """Called by Celery whenever it has connected to the broker."""
        qos = consumer.task_consumer.channel.qos

        qos.can_consume = partial(is_idle, consumer.pool.num_processes)


def is_idle(num_processes: int) -> bool:
    """Whether a worker of so many processes, which is this one, would take a message now."""
    is_stopping = received.should_stop is not None
    return not is_stopping and len(received.reserved_requests) < num_processes


def start(queues: Sequence[str], *, concurrency: int = 1, settings: Settings | None = None) -> int:
    """Run a worker until it is told to stop; its exit status.

    Raises:
        RecordError: the data folder or the database cannot be used.
    """
    require_current_schema()
    settings = settings or Settings()
    threads = settings.threads or max(1, (os.cpu_count() or 1) // concurrency)
    settings = replace(settings, threads=threads)
    worker_id = uuid.uuid4().hex
    lifeline, other_end = os.pipe()
    runner = Runner(worker_id, settings, lifeline)
    app = celery_app()
    register(app, runner)
    app.steps["worker"].add(KeepUp)
    app.steps["consumer"].add(OnlyWhenIdle)
    _connect(runner, (lifeline, other_end))
    worker = app.Worker(
        hostname=f"{worker_id[:8]}@archfront",
        queues=[message_queue(queue) for queue in queues],
        pool_cls=TaskPool,
        concurrency=concurrency,
        loglevel=logging.INFO,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        upkeep=Upkeep(worker_id, queues, settings, partial(is_idle, concurrency)),
    )
    log.info("worker %s: queues %s, data in %s", worker_id, ", ".join(queues), data_dir())
    worker.start()
    is_in_good_order = received.should_stop is not None and received.should_terminate is None
    return 0 if is_in_good_order else int(worker.exitcode or 0)


def _connect(runner: Runner, lifeline: tuple[int, int]) -> None:
    """Tie the pool's processes to this one: they stop when it stops, and end when it dies."""
    main_pid = os.getpid()
    inner, outer = lifeline

    def begin(**_: object) -> None:
        os.close(outer)
        end_after(inner, main_pid)
        runner.prepare()

    def stop(**_: object) -> None:
        if main_pid == os.getpid():
            os.close(outer)

    def end(**_: object) -> None:
        runner.dismiss()

    signals.worker_process_init.connect(begin, weak=False)
    signals.worker_process_shutdown.connect(end, weak=False)
    signals.worker_shutting_down.connect(stop, weak=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, and run a worker."""
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="archfront worker", description="Run searches until Ctrl-C."
    )
    parser.add_argument("--queues", default="cpu", help="cpu, gpu or cpu,gpu (default: cpu)")
    parser.add_argument(
        "--concurrency", type=int, default=1, help="searches at the same time (default: 1)"
    )
    parser.add_argument(
        "--threads", type=int, help="of each search (default: cores divided by --concurrency)"
    )
    parser.add_argument(
        "--lease",
        type=float,
        default=defaults.lease_s,
        metavar="SECONDS",
        help="a search goes to another worker when this one is silent for so long (default: 30)",
    )
    said = parser.parse_args(arguments)
    queues = said.queues.split(",")
    unknown = sorted(set(queues) - set(QUEUES))
    if unknown:
        parser.error(f"--queues: there is no queue {', '.join(unknown)}; there are cpu and gpu")
    if said.concurrency < 1 or (said.threads is not None and said.threads < 1) or said.lease < 1:
        parser.error("--concurrency, --threads and --lease must be at least 1")
    settings = Settings(threads=said.threads, lease_s=said.lease, renew_s=said.lease / 6)
    try:
        sys.exit(start(queues, concurrency=said.concurrency, settings=settings))
    except RecordError as error:
        sys.exit(f"archfront worker: {error}")
