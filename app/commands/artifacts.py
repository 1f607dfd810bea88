"""``archfront artifacts``, ``fetch``, ``discard``: files that searches have made."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from app.artifacts import artifact_as_json, file_name, whole_file
from app.commands.output import AsJson, note, say, show_json, show_table
from app.wording import ago, size
from db import artifacts, jobs
from db.session import data_dir, reading, require_current_schema, transaction
from search.artifacts import find
from search.errors import DataError

Digest = Annotated[str, typer.Argument(metavar="DIGEST", help="32 hexadecimal digits.")]


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.command("artifacts")(list_artifacts)
    cli.command("fetch")(fetch)
    cli.command("discard")(discard)


def list_artifacts(
    job_id: Annotated[int, typer.Argument(metavar="JOB", help="The number of a search.")],
    as_json: AsJson = False,
) -> None:
    """List the files that a search has made: trained supernets and exports."""
    require_current_schema()
    with reading() as session:
        jobs.job(session, job_id)
        found = artifacts.artifacts(session, job_id)
    if as_json:
        show_json({"artifacts": [artifact_as_json(row) for row in found]})
    elif found:
        show_table(
            ["name", "kind", "#trial", "#size", "digest", "made"],
            [(a.name, a.kind, a.number, size(a.size), a.digest, ago(a.created_at)) for a in found],
        )
    else:
        note(f"Search {job_id} has made no file.")


def fetch(
    digest: Digest,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to; left out: here, under its own name."),
    ] = None,
) -> None:
    """Copy a file that a search has made out of the data folder, once its content was checked."""
    require_current_schema()
    with reading() as session:
        found = artifacts.artifact(session, digest)
    source = whole_file(found)
    target = output or Path(file_name(found))
    if output is None and target.exists():
        raise FileExistsError(17, "there is such a file; say --output", str(target))
    unfinished = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(source, unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    note(f"written: {target}")


def discard(digest: Digest) -> None:
    """Remove a file that searches have made, here and from the record; not while one needs it."""
    require_current_schema()
    with transaction() as session:
        artifacts.remove_artifact(session, digest)
    try:
        find(data_dir(), digest).unlink(missing_ok=True)
    except DataError:
        say(f"{digest} is forgotten; the file was not on this machine.")
    else:
        say(f"{digest} is removed.")
