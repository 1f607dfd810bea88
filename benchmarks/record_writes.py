"""Scores written per second by a worker: batches through the record, against one row at a time."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.orm import Session

from db import jobs, models, session, trials

OBJECTIVES = ("snip", "synflow", "macs", "params")
NUM_TRIALS = 25_000
TRIALS_PER_BATCH = 250
NUM_SINGLE_ROWS = 2_000


def rows() -> list[dict[str, object]]:
    """Measure both, on an SQLite file in a temporary folder."""
    with _record():
        ours = scores_per_s_in_batches(NUM_TRIALS)
        theirs = scores_per_s_one_by_one(NUM_SINGLE_ROWS)
    return [
        {
            "name": "rows_written_per_s",
            "ours": ours,
            "theirs": theirs,
            "ratio": ours / theirs,
            "unit": "scores/s",
            "what": f"scores stored with trials, indexes and fence, {TRIALS_PER_BATCH} trials "
            f"of {len(OBJECTIVES)} scores a transaction; theirs: one ORM object a commit",
        }
    ]


def scores_per_s_in_batches(num_trials: int) -> float:
    """Write as a worker does: a fenced transaction a batch, with progress and checkpoint."""
    job_id, token = _running_job()
    batches = [_batch(first) for first in range(0, num_trials, TRIALS_PER_BATCH)]
    start = time.perf_counter()
    for batch in batches:
        with session.transaction() as opened:
            trials.record(opened, job_id, token, batch)
    return num_trials * len(OBJECTIVES) / (time.perf_counter() - start)


def scores_per_s_one_by_one(num_scores: int) -> float:
    """Write the plain way: make an object, add it, commit it."""
    job_id, _ = _running_job()
    start = time.perf_counter()
    for number in range(num_scores):
        with Session(session.engine()) as opened:
            opened.add(
                models.Score(
                    job_id=job_id,
                    objective=0,
                    number=number,
                    kind="proxy",
                    status="ok",
                    value=_value(number, 0),
                    memory_key=trials.arch_id("one by one", str(number)),
                )
            )
            opened.commit()
    return num_scores / (time.perf_counter() - start)


@contextmanager
def _record() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ("DATABASE_URL", "DATA_DIR")}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = folder
        os.environ["DATABASE_URL"] = f"sqlite:///{Path(folder) / 'archfront.db'}"
        session.upgrade()
        yield
        session.dispose()
    for name, value in before.items():
        os.environ.pop(name, None)
        os.environ.update({} if value is None else {name: value})


def _running_job() -> tuple[int, str]:
    objectives = [{"name": name, "direction": "maximize"} for name in OBJECTIVES]
    with session.transaction() as opened:
        new = jobs.NewJob(
            name="writes",
            owner="local",
            project="default",
            spec={"objectives": objectives},
            space="nasbench201",
            strategy="random",
            spec_digest="0" * 32,
            seed=0,
        )
        job = jobs.add_job(opened, new)
        claim = jobs.claim(opened, job.id, worker_id="benchmark", lease_s=600)
        assert claim is not None
        return job.id, claim.token


def _batch(first: int) -> trials.Batch:
    numbers = range(first, first + TRIALS_PER_BATCH)
    return trials.Batch(
        trials=[
            trials.TrialRow(n, _key(n), [n % 5, n // 5 % 5, n // 25 % 5, 0, 1, 2], "done", [n - 1])
            for n in numbers
        ],
        scores=[
            trials.ScoreRow(
                number=n,
                objective=place,
                kind="proxy",
                status="ok",
                value=_value(n, place),
                seconds=0.1,
                memory_key=trials.arch_id(OBJECTIVES[place], str(n)),
                provenance_id="protocol",
            )
            for n in numbers
            for place in range(len(OBJECTIVES))
        ],
        progress=trials.ProgressRow(first / NUM_TRIALS),
        checkpoint={"next": first + TRIALS_PER_BATCH},
        provenance={"protocol": {"batch_size": 64}},
    )


def _key(number: int) -> str:
    return f"|op~0|+|op~0|op~1|+|op~0|op~1|op~2|#{number % 15_625}"


def _value(number: int, place: int) -> float:
    return float((number * 2_654_435_761 + place * 40_503) % 1_000_003)


if __name__ == "__main__":
    for row in rows():
        print(row)
