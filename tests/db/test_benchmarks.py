"""Imported benchmarks: whole or not at all, by a name of their own."""

import pytest

from db import benchmarks, jobs
from db.benchmarks import NewBenchmark
from db.errors import InUse, NameTaken, NotFound, TooLarge
from db.session import reading, transaction
from tests.db.making import new_job


def new(**changes):
    values = {
        "name": "nb201",
        "space": "nasbench201",
        "info": {"columns": [{"name": "accuracy"}]},
        "num_archs": 15_625,
        "digest": "d" * 32,
        "content": b"\x00PAR1\xff",
    }
    return NewBenchmark(**(values | changes))


def test_content_is_given_back_byte_for_byte(session):
    benchmarks.add_benchmark(session, new())

    assert benchmarks.benchmark_content(session, "nb201") == b"\x00PAR1\xff"


def test_list_is_by_name(session):
    benchmarks.add_benchmark(session, new(name="b"))
    benchmarks.add_benchmark(session, new(name="a"))

    first, second = benchmarks.benchmarks(session)
    assert (first.name, second.name, first.num_archs) == ("a", "b", 15_625)
    assert first.info == {"columns": [{"name": "accuracy"}]}


def test_name_that_is_taken_changes_nothing(database_url):
    with transaction() as session:
        benchmarks.add_benchmark(session, new())

    with pytest.raises(NameTaken, match="nb201 already"), transaction() as session:
        benchmarks.add_benchmark(session, new(content=b"other"))

    with reading() as session:
        assert benchmarks.benchmark_content(session, "nb201") == b"\x00PAR1\xff"


def test_too_large_a_file_is_refused_with_the_limit(session, monkeypatch):
    monkeypatch.setattr(benchmarks, "MAX_CONTENT_MB", 1)

    with pytest.raises(TooLarge, match="takes 2 MB, more than the 1 MB"):
        benchmarks.add_benchmark(session, new(content=bytes(2 * 2**20)))


def test_removed_benchmark_is_gone(session):
    benchmarks.add_benchmark(session, new())

    benchmarks.remove_benchmark(session, "nb201")

    assert benchmarks.benchmarks(session) == []


@pytest.mark.parametrize("ask", [benchmarks.benchmark_content, benchmarks.remove_benchmark])
def test_missing_benchmark_is_said_to_be_missing(session, ask):
    with pytest.raises(NotFound, match="no benchmark named nb301"):
        ask(session, "nb301")


def test_benchmark_that_a_job_needs_cannot_be_removed(session):
    benchmarks.add_benchmark(session, new())
    params = {"table": "nb201", "column": "accuracy"}
    spec = {"objectives": [{"name": "a", "metric": "table", "params": params}]}
    job_id = jobs.add_job(session, new_job(spec=spec)).id

    with pytest.raises(InUse, match=f"needed by job {job_id}"):
        benchmarks.remove_benchmark(session, "nb201")
    jobs.cancel(session, job_id, "ada")

    benchmarks.remove_benchmark(session, "nb201")
