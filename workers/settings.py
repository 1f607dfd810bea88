"""How patient a worker is: the times that docs/workers.md explains."""

import sys
from dataclasses import dataclass

CHILD = (sys.executable, "-m", "workers.run_job")
OFFERING = (sys.executable, "-m", "workers.offering")


@dataclass(frozen=True)
class Settings:
    """Seconds, unless a name says otherwise.

    Attributes:
        lease_s: a job of which nothing was heard for so long is lost, and queued again.
        renew_s: how often the lease is renewed.
        watch_s: how often the state of the running job is looked at.
        batch_s: trials are written at least this far apart.
        heartbeat_s: how often a worker says that it lives.
        sweep_s: how often a worker looks for lost jobs and messages.
        go_on_s: after a slice that ended sooner, the next one is taken without a message.
        unclaimed_after_s: a message that nobody took for so long is sent again.
        obey_s: how long a run may take to stop after it was asked to.
        kill_s: from SIGTERM to SIGKILL.
        stuck_s: what a trial may take beyond its own time limit before its process is ended.
        start_s: what a process may take to load before it begins with a job.
        give_up_s: how long the end of a job is tried to be written while the database is away.
        threads: of torch in each process; None is cores divided by processes.
        child: the command of the process that runs a job.
        offering: the command that says what can be run here.
    """

    lease_s: float = 30.0
    renew_s: float = 5.0
    watch_s: float = 0.25
    batch_s: float = 0.5
    heartbeat_s: float = 5.0
    sweep_s: float = 5.0
    go_on_s: float = 5.0
    unclaimed_after_s: float = 15.0
    obey_s: float = 4.0
    kill_s: float = 2.0
    stuck_s: float = 30.0
    start_s: float = 180.0
    give_up_s: float = 60.0
    threads: int | None = None
    child: tuple[str, ...] = CHILD
    offering: tuple[str, ...] = OFFERING
