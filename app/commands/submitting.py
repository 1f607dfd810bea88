"""``archfront submit``: the same checks and the same errors as the page."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.commands.output import AsJson, note, say, show_json
from db import jobs
from db.jobs import JobState
from db.models import Job
from db.session import reading, require_current_schema
from search.spec import read_yaml
from workers.queue import read, submit

SEARCH_FAILED, SEARCH_CANCELLED, INTERRUPTED = 3, 4, 130
POLL_S = 0.5

SpecFile = Annotated[
    Path, typer.Argument(metavar="SPEC", help="A YAML file; - is standard input.")
]


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.command("submit")(submit_file)


def submit_file(
    spec: SpecFile,
    seeds: Annotated[
        int | None, typer.Option(min=1, max=100, help="So many searches, on consecutive seeds.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Instead of the name in the file.")] = None,
    control: Annotated[
        bool | None,
        typer.Option(
            "--control/--no-control",
            help="With a random search of equal budget beside each, to tell skill from chance.",
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end, with progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Submit a search that a file describes."""
    require_current_schema()
    said = {"seeds": seeds, "name": name, "control": control}
    changes = {field: value for field, value in said.items() if value is not None}
    content = read_file(spec)
    job_ids = submit(read({**content, **changes} if isinstance(content, dict) else content))
    if not as_json:
        say(f"Queued: search {', '.join(map(str, job_ids))}.")
    try:
        states = wait_for(job_ids) if wait else {}
    except KeyboardInterrupt:
        note("Not waiting any longer; the search goes on. `archfront cancel` ends it.")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        show_json({"jobs": [{"id": i, "state": states.get(i, JobState.QUEUED)} for i in job_ids]})
    _exit_as(set(states.values()))


def read_file(path: Path) -> object:
    """What a spec's file says, whatever it is.

    Raises:
        SpecError: it is no YAML.
    """
    return read_yaml(sys.stdin.read() if str(path) == "-" else path.read_text())


def wait_for(job_ids: list[int]) -> dict[int, JobState]:
    """Show progress until every job has ended or is paused."""
    over = {*jobs.ENDED, JobState.PAUSED}
    with _progress() as progress:
        tasks = {job_id: progress.add_task(f"search {job_id}", total=1.0) for job_id in job_ids}
        while True:
            with reading() as session:
                found = [jobs.job(session, job_id) for job_id in job_ids]
            for job in found:
                progress.update(tasks[job.id], completed=job.progress, description=_line(job))
            if all(job.state in over for job in found):
                return {job.id: job.state for job in found}
            time.sleep(POLL_S)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _line(job: Job) -> str:
    screened = f", {job.num_screened:,} screened" if job.num_screened else ""
    return (
        f"{job.id} {job.name}: {job.state}, {job.num_trials - job.num_screened} trials{screened}"
    )


def _exit_as(states: set[JobState]) -> None:
    if JobState.FAILED in states:
        raise typer.Exit(SEARCH_FAILED)
    if JobState.CANCELLED in states:
        raise typer.Exit(SEARCH_CANCELLED)
