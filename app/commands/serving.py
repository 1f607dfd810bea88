"""``archfront web`` and ``archfront worker``: one process each; ``archfront up`` runs both."""

import os
import sys
from typing import Annotated

import typer

from db.session import require_current_schema

PORT = 8501
LOOPBACK = "127.0.0.1"

EVERYTHING = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.command("web")(web)
    cli.command("worker", context_settings=EVERYTHING)(worker)


def web(
    host: Annotated[str, typer.Option(help="Only loopback, until people sign in.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=1, max=65_535)] = PORT,
    published_on_loopback: Annotated[
        bool,
        typer.Option(
            "--published-on-loopback",
            help="For containers: listen on any --host, the port is published on loopback only.",
        ),
    ] = False,
) -> None:
    """Serve the pages and the API."""
    require_current_schema()
    switches = ["--published-on-loopback"] if published_on_loopback else []
    _become("app.server", "--host", host, "--port", str(port), *switches)


def worker(context: typer.Context) -> None:
    """Run searches; takes the options of `python -m workers`, see `archfront worker --help`."""
    require_current_schema()
    _become("workers", *context.args)


def _become(module: str, *args: str) -> None:
    """Replace this process, so that signals reach the one that matters."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *args])
