"""Searches that train: left and gone on with, from memory, limited in time, on real data."""

import numpy as np
import pytest
import torch

from search.events import Checkpoint, Progress, Trial
from search.memory import NoMemory, Visit
from search.run import provenance, run
from search.spaces import spaces
from search.spec import parse_submission

SPACE = spaces["nasbench201"]
FAST = {"epochs": 2, "train_size": 200, "lr": 0.05}
ARCHS = [SPACE.encode(SPACE.sample(np.random.default_rng(seed))) for seed in range(3)]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def spec(*objectives, archs=ARCHS, **changes):
    content = {
        "name": "trained",
        "space": {"name": "nasbench201"},
        "network": {"channels": 2, "cells": 1},
        "data": {"name": "digits", "batch_size": 8},
        "objectives": objectives or [{"metric": "validation_accuracy", "params": FAST}],
        "strategy": {"name": "listed", "params": {"archs": archs}},
        "budget": {"trials": len(archs)},
        **changes,
    }
    return parse_submission(content)


class Recorded(NoMemory):
    """Remembers what it was given."""

    def __init__(self, trials):
        self._scores = {s.memory_key: s for trial in trials for s in trial.scores}
        self._trials = trials

    def recall(self, keys):
        return {key: self._scores[key] for key in keys if key in self._scores}

    def visited(self):
        return [Visit(trial.arch) for trial in self._trials]


def trials_of(events):
    return [event for event in events if isinstance(event, Trial)]


def values(trials):
    return [[score.value for score in trial.scores] for trial in trials]


@pytest.fixture
def undisturbed(tmp_path_factory):
    return trials_of(run(spec(), data_dir=tmp_path_factory.mktemp("whole")))


def test_trials_have_standalone_scores_with_their_curve(undisturbed):
    (score,) = undisturbed[0].scores

    assert (score.kind, score.status) == ("standalone", "ok")
    assert score.seconds > 0
    assert score.memory_key
    assert len(score.details["curve"]["validation_accuracy"]) == 2
    assert score.details["validation_accuracy"] == score.value


@pytest.mark.parametrize("num_checkpoints", [1, 4, 6])
def test_a_run_that_is_left_in_a_training_goes_on_to_equal_values(
    tmp_path, undisturbed, num_checkpoints
):
    found, state = [], None
    events = run(spec(), data_dir=tmp_path)
    covered = 0
    for event in events:
        found += [event] if isinstance(event, Trial) else []
        if isinstance(event, Checkpoint):
            state, covered = event.state, len(found)
            num_checkpoints -= 1
        if num_checkpoints == 0:
            break
    events.close()

    recorded = found[:covered]
    rest = run(spec(), data_dir=tmp_path, resume=state, memory=Recorded(recorded))

    assert values([*recorded, *trials_of(rest)]) == values(undisturbed)


def test_pauses_show_progress_within_a_trial(tmp_path):
    shown = [e for e in run(spec(), data_dir=tmp_path) if isinstance(e, Progress)]

    assert "of 2 of the next" in "".join(event.text for event in shown)
    assert any(0 < event.share < 1 / 3 for event in shown)
    assert [e.share for e in shown] == sorted(e.share for e in shown)


def test_checkpoints_count_the_epochs_of_a_training(tmp_path):
    steps = [e.step for e in run(spec(), data_dir=tmp_path) if isinstance(e, Checkpoint)]

    assert max(steps) == FAST["epochs"]
    assert steps[-1] == 0


def test_equal_trainings_come_from_memory(tmp_path, undisturbed):
    again = trials_of(run(spec(), data_dir=tmp_path, memory=Recorded(undisturbed)))

    assert values(again) == values(undisturbed)
    assert all(score.from_memory for trial in again for score in trial.scores)


@pytest.mark.parametrize(
    ("changes", "is_shared"),
    [
        ({"data": {"name": "digits", "batch_size": 9}}, True),  # no training sees that batch
        ({"seed": 1}, False),
        ({"network": {"channels": 3, "cells": 1}}, False),
        (
            {"objectives": [{"metric": "validation_accuracy", "params": {**FAST, "lr": 0.1}}]},
            False,
        ),
        ({"objectives": [{"metric": "accuracy", "params": FAST}]}, False),
    ],
)
def test_a_training_is_shared_exactly_under_equal_conditions(
    tmp_path, undisturbed, changes, is_shared
):
    key = undisturbed[0].scores[0].memory_key
    content = {**spec(archs=ARCHS[:1]).model_dump(mode="json"), **changes}

    (trial,) = trials_of(run(parse_submission(content), data_dir=tmp_path))

    assert (trial.scores[0].memory_key == key) == is_shared


def test_metrics_of_one_recipe_share_the_training(tmp_path):
    both = [{"metric": name, "params": FAST} for name in ("validation_accuracy", "accuracy")]

    (trial,) = trials_of(run(spec(*both, "params", archs=ARCHS[:1]), data_dir=tmp_path))

    validation, test, params = trial.scores
    assert validation.details["curve"] == test.details["curve"]
    assert test.seconds < validation.seconds / 10
    assert params.kind == "cost"
    assert validation.details["test_accuracy"] == test.value


def test_the_recipe_is_in_the_provenance(tmp_path):
    described = provenance(spec(), data_dir=tmp_path)

    recipe = described["metrics"]["validation_accuracy"]
    assert recipe["kind"] == "standalone"
    assert recipe["params"] | FAST == recipe["params"]
    assert recipe["params"]["weight_decay"] == 5e-4
    assert described["dataset"]["digest"]


def test_the_time_limit_holds_for_every_epoch(tmp_path):
    slow = {"metric": "accuracy", "params": {"epochs": 100}}
    budget = {"trials": 1, "trial_timeout_s": 0.02}

    (trial,) = trials_of(run(spec(slow, archs=ARCHS[:1], budget=budget), data_dir=tmp_path))

    assert trial.state == "failed"
    assert trial.scores[0].details == {
        "error": "the training of one epoch took longer than 0.02 s",
        "cause": "timeout",
    }


def test_a_given_failure_is_not_trained(tmp_path):
    events = run(spec(), data_dir=tmp_path, failures={1: "killed"})

    trials = trials_of(events)

    assert [trial.state for trial in trials] == ["done", "failed", "done"]
    assert trials[1].scores[0].details["error"] == "killed"


def test_random_cells_learn_the_digits_and_differ(tmp_path):
    few = {"metric": "accuracy", "params": {"epochs": 2}}
    changes = {
        "strategy": {"name": "random"},
        "budget": {"trials": 5},
        "seed": 2,
        "network": {"channels": 4, "cells": 1},
    }

    trials = trials_of(run(spec(few, **changes), data_dir=tmp_path))

    found = np.array([trial.scores[0].value for trial in trials])
    assert len(found) == 5
    assert found.min() > 50  # chance is 10 %
    assert found.max() > 90
    assert np.ptp(found) > 2
