"""Records for tests of the board: a benchmark, and searches that share architectures with it."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from app.tables import import_table
from db import jobs, trials
from db.models import JobState
from db.session import transaction
from search.catalogue import TableColumn
from search.spaces import spaces
from tests.app import filling
from tests.app.conftest import words

SPACE = spaces["nasbench201"]
NUM = 120


def quality(index):
    """What the made-up accuracies and scores have in common."""
    return sum(choice in (2, 3) for choice in SPACE.at(index)) + index / 1e5


def add_benchmark(name="nb", space="nasbench201", **columns):
    """A benchmark over the first archs of a space; cells as text."""
    lines = [",".join(["index", *columns])]
    for index, cells in enumerate(zip(*columns.values(), strict=True)):
        lines.append(",".join([str(index), *map(str, cells)]))
    return import_table(
        "\n".join(lines).encode(),
        name=name,
        space=space,
        arch_column="index",
        columns=[
            TableColumn(name=column, unit="%" if "test" in column else "", may_be_undefined=True)
            for column in columns
        ],
    )


def add_search(
    scores: Mapping[str, Sequence[float | None]], *, first: int = 0, kind: str = "", **spec
) -> int:
    """A finished search that looked at archs from *first* on; None is undefined."""
    name = spec.pop("name", "a search")
    with transaction() as session:
        content = filling.a_spec(name, tuple(scores), **spec)
        job_id = filling.add_job(session, content, group_id=spec.get("group"))
        token = filling.claimed(session, job_id)
        num = len(next(iter(scores.values())))
        archs = [SPACE.at(first + place) for place in range(num)]
        batch = trials.Batch(
            trials=[
                trials.TrialRow(n, SPACE.key(arch), arch, "done") for n, arch in enumerate(archs)
            ],
            scores=[
                trials.ScoreRow(
                    n,
                    place,
                    kind or filling.MEASURES[measure][0],
                    "undefined" if value is None else "ok",
                    value,
                )
                for place, (measure, values) in enumerate(scores.items())
                for n, value in enumerate(values)
            ],
        )
        trials.record(session, job_id, token, batch)
        jobs.release(session, job_id, token, state=JobState.SUCCEEDED, reason="done")
    return job_id


@pytest.fixture
def accuracies():
    """Of the first archs of the space."""
    return [80 + quality(index) for index in range(NUM)]


@pytest.fixture
def benchmark(with_worker, accuracies):
    """A benchmark of accuracies, and parameters beside them."""
    add_benchmark(cifar10_test=accuracies, params=range(NUM))
    return "benchmark:nb"


@pytest.fixture
def search(benchmark):
    """A search whose nwot knows the accuracies but for some noise; every tenth is undefined."""
    noise = np.random.default_rng(0).normal(0, 0.5, NUM)
    nwot = [None if i % 10 == 0 else quality(i) + noise[i] for i in range(NUM)]
    return f"search:{add_search({'nwot': nwot, 'macs': [1e6 + i for i in range(NUM)]})}"


@pytest.fixture
def open_board(open_page):
    """Open the board, and wait until everything is there."""

    def opened(*sources, **query):
        page = open_page("board", **query)
        page.query_params["from"] = list(sources)
        deadline = time.monotonic() + 120
        page.run()
        while "computed" in words(page) or "Reading" in words(page):
            assert time.monotonic() < deadline
            page.run()
        return page

    return opened


def board_table(page):
    """The table of figures, as Markdown."""
    return next(m.value for m in page.markdown if m.value.startswith("| Score"))
