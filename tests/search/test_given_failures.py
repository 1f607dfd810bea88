"""Trials that ended their process before are failed trials, and nothing else changes."""

from pathlib import Path

from search.events import Trial
from search.run import run
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
