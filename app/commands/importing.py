"""``archfront import``: a benchmark table, a trained supernet, or a spec as it was exported."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from app.artifacts import artifact_as_json, import_checkpoint
from app.commands.output import AsJson, say, show_json, show_table
from app.commands.submitting import read_file
from app.tables import import_table
from db.session import require_current_schema
from search.catalogue import TableColumn
from search.errors import SpecError
from search.spec import dump_submission, parse_submission
from search.tables import Guess, TablePreview, preview

commands = typer.Typer(
    help="Bring in benchmark tables, trained supernets and specs.", no_args_is_help=True
)

NUM_SHOWN = 3  # rows of a file, side by side

TableFile = Annotated[Path, typer.Argument(metavar="FILE", help="CSV (also .gz) or Parquet.")]


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.add_typer(commands, name="import")


@commands.command("table")
def table(
    file: TableFile,
    name: Annotated[str | None, typer.Option(help="How specs call it.")] = None,
    space: Annotated[str | None, typer.Option(help="The space of its architectures.")] = None,
    arch_column: Annotated[
        str | None, typer.Option(help="The column that names the architecture.")
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN[:UNIT[:DIRECTION[:DATA]]]",
            help="A column of values, e.g. test_acc:%:maximize:cifar10. May be repeated.",
        ),
    ] = None,
    undefined: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="One of these columns may be empty, nan or infinite. May be repeated.",
        ),
    ] = None,
    clock: Annotated[
        str | None, typer.Option(help="The column with the seconds that a trial takes.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import a benchmark; without --arch-column and --value it only shows what is in the file."""
    if arch_column is None or not value or space is None:
        _show_preview(preview(file, file.name), file, as_json=as_json)
        return
    require_current_schema()
    info = import_table(
        file,
        name=name or file.name.split(".")[0],
        space=space,
        arch_column=arch_column,
        columns=_columns(value, undefined or []),
        clock=clock,
    )
    if as_json:
        show_json(info.model_dump(mode="json"))
        return
    say(
        f"Imported {info.name}: {info.num_archs:,} architectures of {info.space}, "
        f"columns {', '.join(column.name for column in info.columns)}."
    )


@commands.command("checkpoint")
def checkpoint(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A trained supernet, as safetensors.")
    ],
    digest: Annotated[
        str | None,
        typer.Option(
            "--hash",
            metavar="HASH",
            help="What its content must have; left out, the file's name counts if it is a hash.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import a trained supernet, of torchrun or of another machine, for searches to use."""
    require_current_schema()
    found, is_new = import_checkpoint(file, digest)
    if as_json:
        show_json(artifact_as_json(found))
        return
    about = f"{found.info['space']}, {found.info['recipe']} on {found.info['dataset']}"
    if is_new:
        say(f"Imported {found.digest}: {about}.")
    else:
        origin = "imported" if found.job_id is None else f"made by search {found.job_id}"
        say(f"{found.digest} is on record already, {origin}: {about}.")


@commands.command("spec")
def spec(
    file: Annotated[
        Path, typer.Argument(metavar="SPEC", help="YAML or JSON; - is standard input.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the complete spec there.")
    ] = None,
) -> None:
    """Read a spec, tell what is wrong with its form, and print it complete, defaults filled in.

    What the workers offer is not asked: submit holds the spec against it.
    """
    text = dump_submission(parse_submission(read_file(file)))
    if output is None:
        typer.echo(text, nl=False)
        return
    output.write_text(text)
    say(f"The spec is in {output}; to run it: archfront submit {output}")


def _columns(values: list[str], undefined: list[str]) -> list[TableColumn]:
    columns = [parse_column(text) for text in values]
    for name in set(undefined) - {column.name for column in columns}:
        raise SpecError({f"--undefined {name}": "it is not among the columns of --value"})
    return [c.model_copy(update={"may_be_undefined": c.name in undefined}) for c in columns]


def parse_column(text: str) -> TableColumn:
    """Read ``column:unit:direction:data``, of which all but the first may be left out.

    Raises:
        SpecError: the direction is none.
    """
    name, _, rest = text.partition(":")
    unit, _, rest = rest.partition(":")
    direction, _, dataset = rest.partition(":")
    match direction or "maximize":
        case "maximize" | "minimize" as known:
            return TableColumn(name=name, unit=unit, direction=known, dataset=dataset)
        case _:
            raise SpecError({f"--value {text}": "the direction is maximize or minimize"})


def _show_preview(found: TablePreview, file: Path, *, as_json: bool) -> None:
    if as_json:
        show_json(asdict(found) | {"guess": _guess_as_json(found.guess)})
        return
    first = found.rows[:NUM_SHOWN]
    show_table(
        ["column", *(f"row {number}" for number in range(1, len(first) + 1))],
        list(zip(found.columns, *first, strict=True)),
    )
    say(f"\n{found.num_rows:,} rows; nothing is imported yet. To import, with what seems right:")
    say(f"  {_suggestion(found.guess, file)}")


def _guess_as_json(guess: Guess) -> dict[str, Any]:
    return asdict(guess) | {"columns": [column.model_dump() for column in guess.columns]}


def _suggestion(guess: Guess, file: Path) -> str:
    """A command line that imports what the file seems to hold."""
    values = [
        f"{c.name}:{c.unit}:{c.direction}{c.dataset and f':{c.dataset}'}"
        for c in guess.columns
        if c.name != guess.clock
    ]
    words = ["archfront", "import", "table", str(file)]
    words += ["--space", guess.space or "SPACE", "--arch-column", guess.arch_column or "COLUMN"]
    words += [word for value in values for word in ("--value", value)]
    words += [w for c in guess.columns if c.may_be_undefined for w in ("--undefined", c.name)]
    words += ["--clock", guess.clock] if guess.clock else []
    return shlex.join(words)
