"""Trials per second of a search that looks every value up, against a plainly written loop."""

import random
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from search.catalogue import TableColumn, TableInfo
from search.events import Trial
from search.run import run
from search.spaces import spaces
from search.spec import parse_submission
from search.tables import Table

COLUMNS = ("accuracy", "params", "macs")
NUM_TRIALS = 15_000
ROUNDS = 5  # by turns, so that a busy machine slows both; the first also fills caches
SPACE = spaces["nasbench201"]


def rows() -> list[dict[str, object]]:
    """Measure both on a benchmark of the whole space with three columns of random values."""
    values = np.random.default_rng(0).uniform(size=(SPACE.size, len(COLUMNS)))
    measured = [(trials_per_s(values), lookups_per_s(values)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(speeds) for speeds in zip(*measured, strict=True))
    return [
        {
            "name": "table_trials_per_s",
            "ours": ours,
            "theirs": theirs,
            "ratio": ours / theirs,
            "unit": "trials/s",
            "what": f"random search over {NUM_TRIALS} of {SPACE.size} archs, 3 objectives, "
            "events included; theirs: random.sample and one pandas .loc row a trial",
        }
    ]


def trials_per_s(values: np.ndarray) -> float:
    """A whole run: proposals, scores, events, checkpoints."""
    info = TableInfo(
        name="benchmark",
        space="nasbench201",
        columns=tuple(TableColumn(name=name) for name in COLUMNS),
        num_archs=SPACE.size,
        digest="",
    )
    columns = dict(zip(COLUMNS, values.T, strict=True))
    tables = {"benchmark": Table(info, np.arange(SPACE.size), columns)}
    objectives = [
        {"metric": "table", "params": {"table": "benchmark", "column": name}} for name in COLUMNS
    ]
    spec = parse_submission(
        {
            "name": "table trials",
            "space": {"name": "nasbench201"},
            "objectives": objectives,
            "strategy": {"name": "random"},
            "budget": {"trials": NUM_TRIALS},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        events = run(spec, data_dir=Path(folder), tables=tables)
        num_trials = sum(isinstance(event, Trial) for event in events)
        return num_trials / (time.perf_counter() - start)


def lookups_per_s(values: np.ndarray) -> float:
    """What a notebook does: a data frame indexed by the arch, one row of it a trial."""
    archs = [SPACE.encode(SPACE.at(index)) for index in range(SPACE.size)]
    frame = pd.DataFrame(values, columns=list(COLUMNS), index=archs)
    start = time.perf_counter()
    seen = []
    for number, arch in enumerate(random.Random(0).sample(archs, NUM_TRIALS)):
        row = frame.loc[arch]
        seen.append((number, arch, *map(float, row)))
    return NUM_TRIALS / (time.perf_counter() - start)
