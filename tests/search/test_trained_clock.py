"""A search that trains beside a benchmark with a simulated clock, and slices that train."""

import json

import numpy as np
import pytest

from search.catalogue import TableColumn, TableInfo
from search.run import part_of, run
from search.spaces import spaces
from search.spec import parse_submission
from search.tables import Table
from tests.search.recording import Recording

SPACE = spaces["nasbench201"]
ARCHS = [SPACE.encode(SPACE.at(index)) for index in (4000, 9000, 12_000)]


@pytest.fixture(scope="module")
def table():
    info = TableInfo(
        name="bench",
        space="nasbench201",
        columns=(TableColumn(name="seen"),),
        clock="seconds",
        num_archs=SPACE.size,
        digest="d",
    )
    constant = np.ones(SPACE.size)
    return Table(info, np.arange(SPACE.size), {"seen": constant, "seconds": 10 * constant})


def spec(budget, *, looks_up=False):
    trained = {
        "metric": "validation_accuracy",
        "params": {"epochs": 2, "train_size": 100, "lr": 0.05},
    }
    seen = {"metric": "table", "params": {"table": "bench", "column": "seen"}}
    content = {
        "name": "trained",
        "space": {"name": "nasbench201"},
        "network": {"channels": 2, "cells": 1},
        "data": {"name": "digits", "batch_size": 8},
        "objectives": [trained, seen] if looks_up else [trained],
        "strategy": {"name": "listed", "params": {"archs": ARCHS}},
        "budget": budget,
    }
    (found,) = parse_submission(content).specs()
    return found


def left_again_and_again(searched, **options):
    """What comes when a worker is stopped at every third checkpoint, and another goes on."""
    found, state = Recording(), None
    for num in range(3, 60, 3):
        found.take(run(searched, memory=found, resume=state, **options), num_checkpoints=num)
        state = json.loads(json.dumps(found.checkpoints[-1]))
        if state["run"]["stopped"]:
            return found
    raise AssertionError("it does not end")


def test_the_clock_ends_it_and_a_training_that_was_left_changes_nothing(table, tmp_path):
    two = spec({"clock_s": 25}, looks_up=True)
    tables = {"bench": table}
    undisturbed = Recording().take(run(two, data_dir=tmp_path / "whole", tables=tables))

    found = left_again_and_again(two, data_dir=tmp_path / "left", tables=tables)

    assert found.checkpoints[-1]["run"]["stopped"] == "the simulated time is up"
    assert [trial.clock_s for trial in found.trials] == [10, 20]
    assert [t.scores[0].value for t in found.trials] == [
        t.scores[0].value for t in undisturbed.trials
    ]


def test_a_slice_that_is_left_in_a_training_goes_on_to_equal_values(tmp_path):
    sweep = spec({"trials": 3})
    whole = Recording().take(run(sweep, data_dir=tmp_path / "whole"))
    part = part_of(sweep, 0, 2)

    found = left_again_and_again(sweep, data_dir=tmp_path / "cut", part=part)

    assert len(found.checkpoints) > 4
    assert [trial.number for trial in found.trials] == [0, 2]
    assert [t.scores[0].value for t in found.trials] == [
        whole.trials[n].scores[0].value for n in (0, 2)
    ]
