"""Take a benchmark file into the record: read and checked whole, or nothing is changed."""

from collections.abc import Sequence
from pathlib import Path

from db.benchmarks import NewBenchmark, add_benchmark
from db.session import transaction
from search.catalogue import TableColumn, TableInfo
from search.tables import read_table


def import_table(
    source: Path | bytes,
    *,
    name: str,
    space: str,
    arch_column: str,
    columns: Sequence[TableColumn],
    clock: str | None = None,
) -> TableInfo:
    """Read, check and store a benchmark.

    Raises:
        DataError: a cell is missing, double or no number; names row and column.
        NameTaken: there is a benchmark of this name.
        TooLarge: it is larger than the record takes.
    """
    table = read_table(
        source,
        name=name,
        space=space,
        arch_column=arch_column,
        columns=columns,
        clock=clock,
    )
    info = table.info
    new = NewBenchmark(
        name=info.name,
        space=info.space,
        info=info.model_dump(mode="json"),
        num_archs=info.num_archs,
        digest=info.digest,
        content=table.to_bytes(),
    )
    with transaction() as session:
        add_benchmark(session, new)
    return info
