"""Trials that ended their process before are failed trials, and nothing else changes."""

from pathlib import Path

from search.events import Trial
from search.run import part_of, run
from search.spec import Spec


def spec() -> Spec:
    return Spec.model_validate(
        {
            "name": "given failures",
            "space": {"name": "nasbench201"},
            "network": {"channels": 4, "cells": 1},
            "data": {"name": "digits", "batch_size": 4},
            "objectives": ["params"],
            "strategy": {"name": "random"},
            "budget": {"trials": 6},
        }
    )


def trials(tmp_path: Path, **given) -> list[Trial]:
    return [e for e in run(spec(), data_dir=tmp_path, **given) if isinstance(e, Trial)]


def test_a_given_failure_is_a_failed_trial_with_its_cause(tmp_path: Path):
    failed = trials(tmp_path, failures={3: "killed"})[3]

    assert failed.state == "failed"
    assert [(score.status, score.details["error"]) for score in failed.scores] == [
        ("failed", "killed")
    ]


def test_the_other_trials_stay_as_they_are(tmp_path: Path):
    undisturbed = trials(tmp_path)

    disturbed = trials(tmp_path, failures={3: "killed"})

    assert [t.arch for t in disturbed] == [t.arch for t in undisturbed]
    assert [t.scores[0].value for t in disturbed if t.number != 3] == [
        t.scores[0].value for t in undisturbed if t.number != 3
    ]


def test_in_a_part_they_are_counted_from_its_first_trial(tmp_path: Path):
    part = part_of(spec(), 1, 2)

    found = trials(tmp_path, part=part, failures={1: "killed"})

    assert [(trial.number, trial.state) for trial in found] == [
        (1, "done"),
        (3, "failed"),
        (5, "done"),
    ]
