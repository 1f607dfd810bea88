"""The command line: ``archfront``."""

import sys

import typer
from sqlalchemy.exc import SQLAlchemyError

from app.commands import (
    artifacts,
    board,
    database,
    exporting,
    importing,
    jobs,
    serving,
    submitting,
    supervising,
    workers,
)
from app.commands.output import complain
from db.errors import RecordError
from search.errors import SearchError, SpecError

FAILED, WRONG_SPEC = 1, 2

cli = typer.Typer(
    name="archfront",
    help="Run neural architecture searches and look at what they found.",
    epilog="Every listing and showing command takes --json. Exit codes: 0 done, 1 it could not be "
    "done, 2 wrong usage or wrong spec, 3 the search failed, 4 it was cancelled.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (
    supervising,
    serving,
    submitting,
    jobs,
    workers,
    board,
    artifacts,
    exporting,
    importing,
    database,
):
    part.add_to(cli)


def main() -> None:
    """Run the command that the arguments name; what a person can mend is told in one line."""
    try:
        cli()
    except SpecError as error:
        for path, why in error.fields.items():
            complain(f"{path}: {why}" if path else why)
        sys.exit(WRONG_SPEC)
    except (RecordError, SearchError) as error:
        complain(_in_one_line(error))
        sys.exit(FAILED)
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        complain(f"the database cannot be used: {_in_one_line(cause)}")
        sys.exit(FAILED)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read the output has enough of it
        sys.exit(FAILED)
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        sys.exit(FAILED)


def _in_one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    main()
