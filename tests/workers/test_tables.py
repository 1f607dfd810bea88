from pathlib import Path

import pytest

from db import benchmarks
from db.benchmarks import NewBenchmark
from db.session import reading, transaction
from search.catalogue import TableColumn
from search.errors import DataError
from search.spaces import spaces
from search.spec import Spec
from search.tables import read_table
from workers.catalogue import catalogue
from workers.tables import tables_of

SPACE = spaces["nasbench201"]
SPEC = Spec.model_validate(
    {
        "name": "look up",
        "space": {"name": "nasbench201"},
        "objectives": [{"metric": "table", "params": {"table": "bench", "column": "accuracy"}}],
        "strategy": {"name": "random"},
        "budget": {"trials": 3},
    }
)


@pytest.fixture
def imported(database_url: str) -> str:
    rows = [f"{SPACE.encode(SPACE.at(index))},{90 + index}" for index in range(3)]
    table = read_table(
        "\n".join(["arch,accuracy", *rows, ""]).encode(),
        name="bench",
        space="nasbench201",
        arch_column="arch",
        columns=(TableColumn(name="accuracy"),),
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
        benchmarks.add_benchmark(session, new)
    return info.digest


def test_a_run_gets_the_tables_that_it_names(imported: str, data_dir: Path):
    tables = tables_of(SPEC, data_dir)

    assert tables["bench"].value(SPACE.at(2), "accuracy") == 92


def test_a_table_is_read_from_the_record_once(imported: str, data_dir: Path):
    tables_of(SPEC, data_dir)

    assert (data_dir / "cache" / "tables" / f"{imported}.parquet").exists()
    assert tables_of(SPEC, data_dir)["bench"].info.digest == imported


def test_a_table_that_was_removed_is_named(imported: str, data_dir: Path):
    with transaction() as session:
        benchmarks.remove_benchmark(session, "bench")

    with pytest.raises(DataError, match="bench was removed"):
        tables_of(SPEC, data_dir)


def test_the_catalogue_has_imported_tables_though_no_worker_lives(imported: str):
    with reading() as session:
        found = catalogue(session)

    assert [table.name for table in found.tables] == ["bench"]
    assert found.plugins == ()
