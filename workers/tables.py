"""Imported benchmarks on a worker: read from the record once, then from a local file."""

import os
from collections.abc import Mapping
from pathlib import Path

from db.benchmarks import benchmark_content, benchmarks
from db.session import reading
from search.errors import DataError
from search.spec import Spec
from search.tables import Table


def tables_of(spec: Spec, data_dir: Path) -> Mapping[str, Table]:
    """The tables that the objectives of *spec* look values up in, by name.

    Raises:
        DataError: one was removed after the search was submitted.
    """
    names = {o.params["table"] for o in spec.objectives if o.metric == "table"}
    return {name: Table.from_bytes(_content(name, data_dir)) for name in sorted(names)}


def _content(name: str, data_dir: Path) -> bytes:
    with reading() as session:
        digests = {found.name: found.digest for found in benchmarks(session)}
    if name not in digests:
        raise DataError(f"the benchmark {name} was removed; import it again, then retry")
    cached = data_dir / "cache" / "tables" / f"{digests[name]}.parquet"
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        with reading() as session:
            content = benchmark_content(session, name)
        unfinished = cached.with_suffix(f".{os.getpid()}.part")
        unfinished.write_bytes(content)
        unfinished.rename(cached)
    return cached.read_bytes()
