import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.trials import ArtifactRow, SnapshotRow
from search.events import (
    Artifact,
    Checkpoint,
    Event,
    Log,
    Metric,
    Progress,
    Score,
    Snapshot,
    Trial,
)
from workers.rows import Pending, batch_of, content_id

LOG, CHECKPOINT = Log("info", "line"), Checkpoint({"next": 1})


def trial(number: int = 0, **score) -> Trial:
    scores = (Score("synflow", "proxy", "ok", 1.5, **score), Score("params", "cost", "ok", 7.0))
    return Trial(number, (1, 2), "key", (), "done", scores)


def batch(*events: Event):
    return batch_of(events, lambda score: "p", {"p": {}})


def test_a_score_is_known_by_the_place_of_its_objective():
    rows = batch(trial(3)).scores

    assert [(row.number, row.objective, row.value) for row in rows] == [(3, 0, 1.5), (3, 1, 7.0)]


def test_a_score_of_a_screened_trial_keeps_the_place_of_its_objective():
    scores = (Score("params", "cost", "ok", 7.0),)
    made = batch(Trial(0, (1, 2), "key", (), "screened", scores, only=(1,)))

    assert [(row.objective, row.value) for row in made.scores] == [(1, 7.0)]
    assert made.trials[0].state == "screened"


def test_of_progress_and_checkpoints_the_last_counts():
    made = batch(Progress(0.1), Checkpoint({"a": 1}), Progress(0.2), Checkpoint({"a": 2}))

    assert made.progress is not None
    assert (made.progress.share, made.checkpoint) == (0.2, {"a": 2})


def test_metrics_and_logs_are_rows():
    made = batch(Metric("loss", 1, 0.5), LOG)

    assert [(row.name, row.step, row.value) for row in made.metrics] == [("loss", 1, 0.5)]
    assert [(row.level, row.message) for row in made.logs] == [("info", "line")]


def test_snapshots_and_artifacts_are_rows():
    made = batch(
        Snapshot("ranking", 7, {"values": [1.0]}),
        Artifact("export", "a.onnx", "a" * 32, 12, {"opset": 18}, number=3),
    )

    assert made.snapshots == [SnapshotRow("ranking", 7, {"values": [1.0]})]
    assert made.artifacts == [ArtifactRow("export", "a.onnx", "a" * 32, 12, {"opset": 18}, 3)]


@pytest.mark.parametrize(("since", "is_further"), [(4, True), (5, False), (9, False)])
def test_a_training_beyond_the_last_checkpoint_has_come_further(since: int, is_further: bool):
    events = [Checkpoint({"training": {"step": step}}) for step in (3, 5)]

    made = batch_of(events, lambda score: None, {}, since_step=since)

    assert made.is_further == is_further


def test_nothing_is_covered_before_the_first_checkpoint():
    pending = Pending()
    pending.add(LOG)

    assert list(pending.covered()) == []


def test_what_may_be_told_again_need_not_wait_for_a_checkpoint():
    told = [CHECKPOINT, Metric("loss", 1, 0.5), Progress(0.1), Snapshot("ranking", 1, {})]
    pending = Pending()
    for event in [*told, LOG, Metric("loss", 2, 0.4)]:
        pending.add(event)

    assert list(pending.covered()) == told


@given(st.lists(st.sampled_from([LOG, CHECKPOINT])), st.integers(0, 20))
def test_what_is_covered_ends_with_a_checkpoint(events: list[Event], num_written: int):
    pending = Pending()
    for event in events:
        pending.add(event)
    pending.forget(min(num_written, pending.num_covered))

    covered = list(pending.covered())

    assert not covered or covered[-1] is CHECKPOINT
    assert CHECKPOINT not in pending.events[len(covered) :]


def test_equal_content_has_equal_ids_whatever_the_order():
    assert content_id({"a": 1, "b": 2}) == content_id({"b": 2, "a": 1})
    assert content_id({"a": 1}) != content_id({"a": 2})
