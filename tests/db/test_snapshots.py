"""Metrics and snapshots: by name and step, told again without harm, read from a step on."""

import math

import pytest

from db import jobs, trials
from db.metrics import metrics
from db.session import transaction
from db.snapshots import Kept, Told, last_snapshot, snapshot_names, snapshots
from tests.db.making import new_job


def record(session, running, **parts):
    trials.record(session, running.id, running.token, trials.Batch(**parts))


def ranking(step, *values):
    return trials.SnapshotRow("ranking", step, {"values": list(values)})


def losses(*steps):
    return [trials.MetricRow("loss mid", step, step / 10) for step in steps]


def test_metrics_are_read_from_a_step_on(session, running):
    record(session, running, metrics=[*losses(0, 10, 20), trials.MetricRow("lr", 10, 0.1)])

    found = metrics(session, running.id, since=10)

    assert found == {"loss mid": [(10, 1.0), (20, 2.0)], "lr": [(10, 0.1)]}


def test_snapshot_told_again_replaces_the_first(session, running):
    record(session, running, snapshots=[ranking(0, 1.0), ranking(5, 2.0)])
    record(session, running, snapshots=[ranking(5, 3.0), ranking(6, 4.0)])

    found = snapshots(session, running.id, "ranking")

    assert [(told.step, told.content["values"]) for told in found] == [
        (0, [1.0]),
        (5, [3.0]),
        (6, [4.0]),
    ]


def test_snapshots_are_read_piece_by_piece(session, running):
    record(session, running, snapshots=[ranking(step) for step in range(5)])

    found = snapshots(session, running.id, "ranking", since=2, limit=2)

    assert [told.step for told in found] == [2, 3]


def test_names_tell_what_there_is_without_reading_it(session, running):
    choices = trials.SnapshotRow("choices", 7, {"counts": [[1, 2]]})
    record(session, running, snapshots=[ranking(0), ranking(3), choices])

    assert snapshot_names(session, running.id) == {"choices": Kept(1, 7), "ranking": Kept(2, 3)}
    assert last_snapshot(session, running.id, "choices") == Told(7, {"counts": [[1, 2]]})
    assert last_snapshot(session, running.id, "splits") is None


def test_jobs_do_not_see_each_others_snapshots(session, running):
    other = jobs.add_job(session, new_job()).id
    record(session, running, snapshots=[ranking(0)])

    assert snapshot_names(session, other) == {}


def test_impossible_name_names_no_snapshot(session, running):
    assert snapshots(session, running.id, "a\0b") == []


def test_what_is_not_finite_in_a_snapshot_is_none(session, running):
    record(session, running, snapshots=[ranking(0, math.nan, [-math.inf, 1.0])])

    assert snapshots(session, running.id, "ranking")[0].content == {"values": [None, [None, 1.0]]}


def test_snapshot_that_is_too_large_is_left_out_and_said(session, running):
    large = trials.SnapshotRow("paths", 9, {"text": "x" * (4 * 2**20)})

    record(session, running, snapshots=[ranking(9, 1.0), large])

    assert list(snapshot_names(session, running.id)) == ["ranking"]
    (line,) = trials.log_tail(session, running.id)
    assert line.level == "warning"
    assert "paths of step 9 takes 4.0 MB, more than the 4 MB" in line.message


@pytest.mark.parametrize("is_further", [True, False])
def test_losses_are_forgotten_when_a_training_has_come_further(session, running, is_further):
    jobs.job(session, running.id).num_losses = 3
    session.flush()

    record(session, running, checkpoint={"at": 1}, is_further=is_further)

    session.expire_all()
    assert jobs.job(session, running.id).num_losses == (0 if is_further else 3)


def test_what_goes_wrong_takes_the_snapshots_of_its_batch_along(database_url):
    with transaction() as session:
        job_id = jobs.add_job(session, new_job()).id
        claim = jobs.claim(session, job_id, worker_id="worker 1", lease_s=60)
    assert claim is not None
    wrong = trials.ScoreRow(0, 0, "proxy", "ok", None)
    batch = trials.Batch(
        snapshots=[ranking(0)],
        metrics=losses(0),
        artifacts=[trials.ArtifactRow("export", "a.onnx", "a" * 32, 1)],
        trials=[trials.TrialRow(0, "key", [0], "done")],
        scores=[wrong],
    )

    with pytest.raises(ValueError, match="does not go with"), transaction() as session:
        trials.record(session, job_id, claim.token, batch)

    with transaction() as session:
        assert snapshot_names(session, job_id) == {}
        assert metrics(session, job_id) == {}
