"""``archfront export``: trials as CSV or JSON, an architecture as genotype or code."""

import enum
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from app.commands.output import as_text, note
from app.export import genotype, network_code, trials_as_csv, trials_as_json
from db import jobs, trials
from db.session import reading, require_current_schema
from workers.catalogue import catalogue

commands = typer.Typer(help="Take out trials and architectures.", no_args_is_help=True)

Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="A file; left out: standard output.")
]


class TrialsFormat(enum.StrEnum):
    """How trials can be written."""

    CSV = "csv"
    JSON = "json"


class ArchFormat(enum.StrEnum):
    """How an architecture can be written."""

    JSON = "json"
    CODE = "code"


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.add_typer(commands, name="export")


@commands.command("trials")
def export_trials(
    job_id: Annotated[int, typer.Argument(metavar="JOB", help="The number of a search.")],
    form: Annotated[TrialsFormat, typer.Option("--format")] = TrialsFormat.CSV,
    output: Output = None,
) -> None:
    """Write every trial of a search with its scores."""
    require_current_schema()
    write = trials_as_csv if form is TrialsFormat.CSV else trials_as_json
    with reading() as session:
        _write(write(session, jobs.job(session, job_id)), output)


@commands.command("arch")
def export_arch(
    arch_id: Annotated[str, typer.Argument(metavar="ARCH", help="The id of an architecture.")],
    form: Annotated[ArchFormat, typer.Option("--format")] = ArchFormat.JSON,
    job_id: Annotated[
        int | None,
        typer.Option("--job", help="The search whose network and data the code is for."),
    ] = None,
    output: Output = None,
) -> None:
    """Write an architecture: its genotype as JSON, or PyTorch code that runs by itself."""
    require_current_schema()
    with reading() as session:
        arch = trials.arch(session, arch_id)
        if form is ArchFormat.JSON:
            _write([as_text(genotype(arch))], output)
            return
        found = trials.jobs_of_arch(session, arch_id)
        job = jobs.job(session, job_id if job_id is not None else found[0].job_id)
        _write([network_code(arch, job, catalogue(session))], output)


def _write(pieces: Iterable[str], output: Path | None) -> None:
    if output is None:
        sys.stdout.writelines(pieces)
        return
    unfinished = output.with_name(f".{output.name}.part")
    try:
        with unfinished.open("w") as file:
            file.writelines(pieces)
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
    note(f"written: {output}")
