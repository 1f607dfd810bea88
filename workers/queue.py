"""Ask for work: submit, cancel, pause, resume, retry, clone. Knows no torch; the app calls it.

The database is the truth, and messages only carry the ids of jobs. A message that cannot be
sent now is sent by a worker's sweep later, so nothing here fails because the broker is down.
"""

import functools
import logging
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError
from sqlalchemy.orm import Session

from db import jobs
from db.jobs import JobState, NewJob
from db.session import data_dir, reading, transaction
from search.catalogue import Catalogue
from search.check import METRICS, check
from search.controls import random_control
from search.cutting import num_slices
from search.mending import checked
from search.spec import Objective, Spec, Submission
from search.traits import Direction
from workers.catalogue import catalogue
from workers.patience import AWAY, brief

LOCAL = "local"  # who asks, until people sign in
QUEUES = ("cpu", "gpu")
TASK = "archfront.run"
EMBEDDED = "filesystem://localhost"

log = logging.getLogger(__name__)

# Nothing that a person waits for may hang because Redis is away: a send takes 3 s at most.
_REDIS = {
    "socket_connect_timeout": 1.0,
    "socket_timeout": 1.5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "max_retries": 1,
    "interval_start": 0.0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}


def broker_url() -> str:
    """The address of the broker (``BROKER_URL``); a folder in the data folder by default."""
    return os.environ.get("BROKER_URL") or EMBEDDED


def broker_dir() -> Path:
    """Where the embedded broker keeps its messages."""
    return data_dir() / "broker"


def celery_app() -> Celery:
    """The queue as this process sees it; workers add their task to it."""
    url = broker_url()
    return _celery_app(url, broker_dir() if url.startswith(EMBEDDED) else None)


def message_queue(queue: str) -> str:
    """What a queue is called in the broker; no dots, which the embedded one cannot have."""
    return f"archfront-{queue}"


def send(job_id: int, queue: str) -> bool:
    """Send the id of a job; False when the broker is down (a worker's sweep sends it later)."""
    try:
        celery_app().send_task(
            TASK, args=[job_id], queue=message_queue(queue), retry=False, ignore_result=True
        )
    except (OperationalError, OSError) as error:
        log.warning("the broker cannot be reached, job %d is sent later: %s", job_id, error)
        return False
    return True


def read(content: object) -> Submission:
    """Read what a file or a request describes, and hold it against what living workers offer.

    Raises:
        SpecError: with the reason for every wrong field.
    """
    with reading() as session:
        offered = catalogue(session)
    return checked(content, offered)


def submit(
    submission: Submission,
    *,
    owner: str = LOCAL,
    project: str = "default",
    cloned_from: int | None = None,
) -> list[int]:
    """Check a submission, put its jobs into the queue and send their ids.

    Raises:
        SpecError: with the reason for every wrong field; then nothing is queued.
    """
    with reading() as session:
        offered = catalogue(session)
    check(submission, offered)
    specs = submission.specs()
    has_group = len(specs) > 1 or submission.control
    shared = {
        "owner": owner,
        "project": project,
        "group_id": uuid.uuid4().hex if has_group else None,
        "cloned_from": cloned_from,
    }
    added: list[int] = []
    with transaction() as session:
        for spec in specs:
            added.append(jobs.add_job(session, _new_job(spec, offered, **shared)).id)
            if submission.control:
                control, of = random_control(spec, offered), {"control_of": added[-1]}
                added.append(jobs.add_job(session, _new_job(control, offered, **shared, **of)).id)
        ready = [message for job_id in added for message in jobs.to_send(session, job_id)]
    send_all(ready)
    return added


def send_all(queued: Sequence[tuple[int, str]]) -> None:
    """Send these jobs' ids and note it; the first failure ends it, the sweep does the rest.

    What was asked for is on record by now, so nothing here may look as if it had failed.
    """
    sent = []
    for job_id, queue in queued:
        if not send(job_id, queue):
            break
        sent.append(job_id)
    try:
        with transaction() as session:
            jobs.mark_sent(session, sent)
    except AWAY as error:
        log.warning("that jobs were sent is not noted, so they are sent again: %s", brief(error))


def cancel(job_id: int, *, actor: str = LOCAL) -> JobState:
    """Ask for the end of a job; what it found is kept.

    Raises:
        NotFound: there is no such job.
        WrongState: it has ended, or is ending.
    """
    return _ask(jobs.cancel, job_id, actor)


def pause(job_id: int, *, actor: str = LOCAL) -> JobState:
    """Ask a job to stop for now.

    Raises:
        NotFound: there is no such job.
        WrongState: it neither waits nor runs.
    """
    return _ask(jobs.pause, job_id, actor)


def resume(job_id: int, *, actor: str = LOCAL) -> JobState:
    """Let a paused job go on from its checkpoint.

    Raises:
        NotFound: there is no such job.
        WrongState: it is not paused.
    """
    return _ask(jobs.resume, job_id, actor)


def retry(job_id: int, *, actor: str = LOCAL) -> JobState:
    """Let a failed or cancelled job go on from its checkpoint.

    Raises:
        NotFound: there is no such job.
        WrongState: it has neither failed nor been cancelled.
    """
    return _ask(jobs.retry, job_id, actor)


def clone(
    job_id: int,
    changes: Mapping[str, Any] | None = None,
    *,
    owner: str = LOCAL,
    project: str = "default",
) -> list[int]:
    """Submit a job's spec again, as a job of its own, with other values for some fields.

    A job that has a control gets one again, unless the changes say otherwise.

    Raises:
        NotFound: there is no such job.
        SpecError: a worker that can run it is no longer there, or a change is wrong.
    """
    with reading() as session:
        spec = jobs.job(session, job_id).spec
        has_control = jobs.control_of(session, job_id) is not None
    submission = read({**spec, "control": has_control, **(changes or {})})
    return submit(submission, owner=owner, project=project, cloned_from=job_id)


def with_directions(spec: Spec, offered: Catalogue) -> Spec:
    """The spec with a direction for every objective: the metric's own where none is given."""
    filled = tuple(
        objective
        if objective.direction
        else objective.model_copy(update={"direction": _direction(objective, offered)})
        for objective in spec.objectives
    )
    return spec.model_copy(update={"objectives": filled})


def _direction(objective: Objective, offered: Catalogue) -> Direction:
    if objective.metric == "table":
        table = offered.table(objective.params["table"])
        assert table is not None, "check has seen the table"
        columns = {column.name: column.direction for column in table.columns}
        return columns[objective.params["column"]]
    plugin = next(filter(None, (offered.plugin(kind, objective.metric) for kind in METRICS)), None)
    assert plugin is not None, "check has seen the metric"
    direction: Direction = plugin.traits["direction"]
    return direction


def _new_job(spec: Spec, offered: Catalogue, **values: Any) -> NewJob:  # noqa: ANN401
    spec = with_directions(spec, offered)
    return NewJob(
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        space=spec.space.name,
        strategy=spec.strategy.name,
        spec_digest=spec.digest(),
        seed=spec.seed,
        queue=spec.device,
        num_slices=num_slices(spec, offered),
        **values,
    )


def _ask(move: Callable[[Session, int, str], JobState], job_id: int, actor: str) -> JobState:
    with transaction() as session:
        state = move(session, job_id, actor)
        ready = jobs.to_send(session, job_id)
    send_all(ready)
    return state


@functools.cache
def _celery_app(url: str, folder: Path | None) -> Celery:
    app = Celery("archfront", broker=url, set_as_current=False)
    app.conf.update(
        broker_transport_options=_REDIS if folder is None else _folder_options(folder),
        task_queues=[_queue(name) for name in QUEUES],
        task_default_queue=message_queue("cpu"),
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_enable_prefetch_count_reduction=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_redirect_stdouts=False,
        worker_pool_start_method="fork",
        broker_connection_timeout=2.0,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
    )
    if folder is not None:
        app.conf.broker_transport = "workers.folder:Transport"
    elif url.startswith(("redis://", "rediss://")):
        app.conf.broker_transport = "workers.redis_transport:Transport"
    return app


def _queue(name: str) -> Queue:
    return Queue(message_queue(name), Exchange(""), routing_key=message_queue(name))


def _folder_options(folder: Path) -> dict[str, Any]:
    messages, taken = folder / "messages", folder / "taken"
    for path in (messages, taken):
        path.mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(messages),
        "data_folder_out": str(messages),
        "processed_folder": str(taken),
        "control_folder": str(folder / "control"),
        "store_processed": True,
        "polling_interval": 0.1,
    }
