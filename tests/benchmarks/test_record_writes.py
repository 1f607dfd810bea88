"""The benchmark of writes runs, measures both ways, and leaves the environment as it was."""

import os

from benchmarks import record_writes


def test_row_compares_both_ways(monkeypatch):
    monkeypatch.setattr(record_writes, "NUM_TRIALS", 500)
    monkeypatch.setattr(record_writes, "NUM_SINGLE_ROWS", 20)
    before = dict(os.environ)

    (row,) = record_writes.rows()

    assert row["name"] == "rows_written_per_s"
    assert row["ratio"] == row["ours"] / row["theirs"]
    assert dict(os.environ) == before
