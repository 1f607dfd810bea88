"""``archfront jobs``, ``show``, ``cancel``, ``pause``, ``resume``, ``retry``, ``clone``."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from app.as_json import job_as_json, whole_job_as_json
from app.commands.output import AsJson, say, show_fields, show_json, show_table
from app.wording import ago, number, share
from db import jobs
from db.jobs import JobFilter, JobState
from db.models import Job
from db.session import reading, require_current_schema
from search.spec import Spec, dump_submission, parse_submission
from workers import queue

JobId = Annotated[int, typer.Argument(metavar="JOB", help="The number of a search.")]


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.command("jobs")(list_jobs)
    cli.command("show")(show)
    for ask in (cancel, pause, resume, retry, clone):
        cli.command(ask.__name__)(ask)


def list_jobs(
    text: Annotated[str, typer.Argument(help="Part of a name.")] = "",
    state: Annotated[list[JobState] | None, typer.Option(help="May be repeated.")] = None,
    space: Annotated[str | None, typer.Option()] = None,
    strategy: Annotated[str | None, typer.Option()] = None,
    owner: Annotated[str | None, typer.Option()] = None,
    group: Annotated[str | None, typer.Option(help="Jobs submitted together.")] = None,
    page: Annotated[int, typer.Option(min=1)] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List searches, newest first."""
    require_current_schema()
    wanted = JobFilter(
        text=text,
        states=tuple(state or ()),
        space=space,
        strategy=strategy,
        owner=owner,
        group=group,
    )
    with reading() as session:
        found = jobs.jobs_page(session, wanted, page=page, per_page=per_page)
    if as_json:
        show_json({"total": found.total, "jobs": [job_as_json(job) for job in found.rows]})
        return
    show_table(
        ["#id", "name", "state", "#done", "space", "strategy", "#trials", "submitted"],
        [_row(job) for job in found.rows],
    )
    if found.total > len(found.rows):
        say(f"Page {page}: {len(found.rows)} of {found.total}; --page {page + 1} shows more.")


def show(job_id: JobId, as_json: AsJson = False) -> None:
    """Show one search: its state, its spec and its history."""
    require_current_schema()
    with reading() as session:
        job = jobs.job(session, job_id)
        history = jobs.history(session, job_id)
        position = jobs.queue_position(session, job_id)
    if as_json:
        show_json({**whole_job_as_json(job, history), "queue_position": position})
        return
    fields = job_as_json(job)
    best = fields.pop("best") or {}
    fields["progress"] = share(job.progress)
    fields["best"] = ", ".join(f"{name} {number(value)}" for name, value in best.items())
    show_fields({**fields, "queue_position": position})
    say("\nHistory")
    show_table(
        ["at", "state", "by", "reason"],
        [(f"{h.at:%Y-%m-%d %H:%M:%S}", h.state, h.actor, h.reason) for h in history],
    )
    say("\nSpec\n" + dump_submission(Spec.model_validate(job.spec)))


def cancel(job_id: JobId) -> None:
    """End a search; what it found is kept."""
    _ask(queue.cancel, job_id)


def pause(job_id: JobId) -> None:
    """Stop a search for now; it can be resumed."""
    _ask(queue.pause, job_id)


def resume(job_id: JobId) -> None:
    """Let a paused search go on."""
    _ask(queue.resume, job_id)


def retry(job_id: JobId) -> None:
    """Let a failed or cancelled search go on from its checkpoint."""
    _ask(queue.retry, job_id)


def clone(
    job_id: JobId,
    name: Annotated[str | None, typer.Option(help="The name of the new search.")] = None,
    seed: Annotated[int | None, typer.Option(help="Its seed.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the spec there to change it.")
    ] = None,
) -> None:
    """Submit a search again, or write its spec to a file to change and submit."""
    require_current_schema()
    said = {"name": name, "seed": seed}
    changes: dict[str, Any] = {field: value for field, value in said.items() if value is not None}
    if output is not None:
        with reading() as session:
            spec = jobs.job(session, job_id).spec
        output.write_text(dump_submission(parse_submission({**spec, **changes})))
        say(f"The spec is in {output}; change it, then: archfront submit {output}")
        return
    (new_id,) = queue.clone(job_id, changes)
    say(f"Search {new_id} is queued.")


def _ask(ask: Callable[[int], JobState], job_id: int) -> None:
    require_current_schema()
    say(f"Search {job_id} is {ask(job_id)}.")


def _num_trials(job: Job) -> str:
    num = f"{job.num_trials - job.num_screened:,}"
    return f"{num} (and {job.num_screened:,} screened)" if job.num_screened else num


def _row(job: Job) -> tuple[object, ...]:
    return (
        job.id,
        job.name,
        job.state,
        share(job.progress),
        job.space,
        job.strategy,
        _num_trials(job),
        ago(job.created_at),
    )
