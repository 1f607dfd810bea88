"""Columns: exactly what the rows say, however they were written."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from db import columns as packing
from db import jobs, trials
from db.columns import TRIALS_PER_BLOCK
from db.models import Score, Trial
from db.session import reading, transaction
from tests.db.making import batch, new_job, score, trial


def record(session, running, rows, scores=()):
    trials.record(session, running.id, running.token, trials.Batch(rows, scores))


def test_job_without_trials_has_empty_columns(session, queued):
    columns = trials.columns(session, queued)

    assert len(columns) == 0
    assert columns.values.shape == (0, 2)
    assert columns.objectives == ("accuracy", "latency_ms")


def test_missing_job_has_empty_columns(session):
    assert trials.columns(session, 4711).values.shape == (0, 0)


def test_statuses_and_memory_stand_beside_the_values(session, running):
    scores = [score(0, 0, 0.5, from_memory=True), score(0, 1, None, status="failed")]

    record(session, running, [trial(0, state="failed"), trial(1, clock_s=2.5)], scores)

    columns = trials.columns(session, running.id)
    np.testing.assert_array_equal(columns.values, [[0.5, np.nan], [np.nan, np.nan]])
    assert columns.statuses.tolist() == [[0, 2], [-1, -1]]
    assert columns.from_memory.tolist() == [[True, False], [False, False]]
    assert columns.states.tolist() == [2, 1]
    assert columns.is_feasible.tolist() == [False, True]
    np.testing.assert_array_equal(columns.clock_s, [np.nan, 2.5])


def test_arch_ids_are_those_of_the_record(session, running):
    record(session, running, [trial(0)])

    (arch_id,) = trials.columns(session, running.id).arch_ids
    assert trials.arch(session, arch_id.decode()).choices == [0]


def same(first, second):
    names = ("numbers", "arch_ids", "states", "values", "statuses", "from_memory", "clock_s")
    for name in names:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (range(0), range(700)),
        (range(511), range(511, 513)),
        (range(512), range(512, 1500)),
        (range(0, 1300, 2), range(1, 1300, 2)),
        (range(600, 1200), range(600)),
        (range(1500, 2000), range(100, 110)),
        (range(700), range(0)),
    ],
    ids=["first", "over_the_edge", "blocks", "gaps", "before", "far_before", "nothing"],
)
def test_refreshed_columns_equal_those_read_at_once(session, running, before, after):
    trials.record(session, running.id, running.token, batch(before, (0.1, 1.0)))
    held = trials.columns(session, running.id)
    trials.record(session, running.id, running.token, batch(after, (0.2, 2.0)))

    refreshed = trials.refreshed(session, running.id, held)

    same(refreshed, trials.columns(session, running.id))
    assert refreshed.numbers.tolist() == sorted([*before, *after])


def test_blocks_before_the_first_change_are_not_read_again(session, running, monkeypatch):
    trials.record(session, running.id, running.token, batch([*range(1100), *range(1200, 2000)]))
    held = trials.columns(session, running.id)
    trials.record(session, running.id, running.token, batch([1150, 2048]))
    read = []
    contents = packing._contents
    monkeypatch.setattr(
        packing, "_contents", lambda s, j, first: read.append(first) or contents(s, j, first)
    )

    trials.refreshed(session, running.id, held)

    assert read == [2]


@pytest.mark.parametrize(
    "stray", [score(5, 0, 1.0), score(0, 2, 1.0), score(0, -1, 1.0)], ids=["trial", "high", "low"]
)
def test_score_of_no_trial_or_no_objective_is_refused(session, running, stray):
    with pytest.raises(ValueError, match="no trial of this batch or none of the job's 2"):
        record(session, running, [trial(0)], [stray])


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_columns_say_what_the_rows_say(database_url, data):
    with transaction() as session:
        job_id = jobs.add_job(session, new_job()).id
        token = jobs.claim(session, job_id, worker_id="w", lease_s=60).token
    values = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
    sizes = data.draw(st.lists(st.integers(1, TRIALS_PER_BLOCK), max_size=4))

    first = 0
    for size in sizes:
        places = [(n, m) for n in range(first, first + size) for m in (0, 1)]
        drawn = [data.draw(values) for _ in range(3)]
        scores = [score(n, m, drawn[(n + m) % 3]) for n, m in places]
        with transaction() as session:
            rows = [trial(n) for n in range(first, first + size)]
            trials.record(session, job_id, token, trials.Batch(rows, scores))
        first += size

    with reading() as session:
        columns = trials.columns(session, job_id)
        numbers = session.scalars(select(Trial.number).where(Trial.job_id == job_id)).all()
        query = select(Score.number, Score.objective, Score.value).where(Score.job_id == job_id)
        stored = {(row.number, row.objective): row.value for row in session.execute(query)}
    assert columns.numbers.tolist() == sorted(numbers)
    known = {(n, m): columns.values[n, m] for n, m in stored}
    assert {place: None if np.isnan(value) else value for place, value in known.items()} == stored
