"""``archfront workers``: who lives, and what they offer."""

from typing import Annotated

import typer

from app.as_json import worker_as_json
from app.commands.output import AsJson, complain, show_json, show_table
from app.wording import ago
from db.session import reading, require_current_schema
from db.workers import living


def add_to(cli: typer.Typer) -> None:
    """Add this command."""
    cli.command("workers")(list_workers)


def list_workers(
    host: Annotated[str | None, typer.Option(help="Only those of this host.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the workers that live; the exit code is 1 when there is none."""
    require_current_schema()
    with reading() as session:
        found = [worker for worker in living(session) if host in (None, worker.host)]
    if as_json:
        show_json({"workers": [worker_as_json(worker) for worker in found]})
    elif found:
        show_table(
            ["host", "#pid", "queues", "started", "heard of"],
            [
                (w.host, w.pid, ", ".join(w.queues), ago(w.started_at), ago(w.heard_at))
                for w in found
            ],
        )
    else:
        complain("no worker lives; start one with: archfront worker")
    if not found:
        raise typer.Exit(1)
