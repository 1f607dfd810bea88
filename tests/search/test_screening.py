"""Trials that score some objectives only."""

import json

import numpy as np
import pytest
import torch

import search.run
from search.catalogue import TableColumn, TableInfo
from search.events import Log, Progress
from search.run import run
from search.spaces import spaces
from search.spec import parse_submission
from search.strategies import Proposal, Result, strategies
from search.tables import Table
from tests.search.recording import Recording

SPACE = spaces["nasbench201"]
BETTER_OF_TWO, ENDLESS = "better_of_two", "endless"


class BetterOfTwo:
    """Screens two archs by the second objective, and looks at the better one in full."""

    visits_once = False
    is_exhausted = False

    def __init__(self, space, rng, /):
        self._space, self._rng = space, rng
        self._next, self._told = 0, []

    def ask(self, n):
        if self._next % 3 == 2:
            if len(self._told) < 2:
                return []
            best = min(self._told, key=lambda r: (r.values[1], r.number))
            self._told, self._next = [], self._next + 1
            return [Proposal(best.arch, (best.number,))]
        arch = self._space.at(self._next)
        self._next += 1
        return [Proposal(arch, only=(1,))]

    def tell(self, results):
        self._told += [result for result in results if result.only == (1,)]

    def state_dict(self):
        return {"next": self._next, "told": [[r.number, r.arch, r.values] for r in self._told]}

    def load_state_dict(self, state):
        self._next = state["next"]
        self._told = [Result(n, tuple(a), tuple(v), only=(1,)) for n, a, v in state["told"]]


class Endless(BetterOfTwo):
    """Never looks at anything in full."""

    def ask(self, n):
        return [Proposal(self._space.sample(self._rng), only=(0,)) for _ in range(n)]


@pytest.fixture(autouse=True)
def _plugged(monkeypatch):
    monkeypatch.setitem(strategies._plugins, BETTER_OF_TWO, BetterOfTwo)
    monkeypatch.setitem(strategies._plugins, ENDLESS, Endless)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    values = {name: rng.uniform(1, 2, SPACE.size) for name in ("accuracy", "size", "seconds")}
    columns = (TableColumn(name="accuracy"), TableColumn(name="size", direction="minimize"))
    info = TableInfo(
        name="bench",
        space="nasbench201",
        columns=columns,
        clock="seconds",
        num_archs=SPACE.size,
        digest="d",
    )
    return Table(info, np.arange(SPACE.size), values)


@pytest.fixture
def searched(table, tmp_path):
    def go(spec, **options):
        return Recording().take(run(spec, data_dir=tmp_path, tables={"bench": table}, **options))

    return go


def column(name, **more):
    return {"metric": "table", "params": {"table": "bench", "column": name}, **more}


def spec(*objectives, budget=None, strategy=BETTER_OF_TWO):
    return parse_submission(
        {
            "name": "a search",
            "space": {"name": "nasbench201"},
            "network": {"channels": 2, "cells": 1},
            "data": {"name": "digits", "batch_size": 8},
            "objectives": list(objectives) or [column("accuracy"), column("size")],
            "strategy": {"name": strategy},
            "budget": budget or {"trials": 5},
        }
    )


def test_a_screened_trial_has_the_scores_that_were_asked_for_and_no_others(searched):
    trials = searched(spec()).trials

    names = [[score.objective for score in trial.scores] for trial in trials[:3]]
    assert names == [["size"], ["size"], ["accuracy", "size"]]
    assert [trial.state for trial in trials[:3]] == ["screened", "screened", "done"]


def test_a_budget_of_trials_counts_those_in_full(searched):
    trials = searched(spec()).trials

    assert [trial.number for trial in trials] == list(range(15))
    assert sum(trial.state == "done" for trial in trials) == 5


def test_what_was_screened_and_is_looked_at_in_full_is_no_repeat(searched):
    recording = searched(spec())

    full = recording.trials[2]
    assert [score.from_memory for score in full.scores] == [False, True]
    last = recording.of_kind(Log)[-1].message
    assert "5 trials of 5 architectures and 10 screened; 5 of 20 scores were" in last


def test_progress_tells_screened_trials_apart(searched):
    assert searched(spec()).of_kind(Progress)[-1].text.startswith("5 trials and 10 screened")


def test_the_clock_advances_when_its_objective_is_scored_and_only_then(searched, table):
    trials = searched(spec()).trials

    took = table.value(trials[2].arch, "seconds")
    assert [trial.clock_s for trial in trials[:4]] == [0, 0, took, took]


def test_an_arch_takes_its_simulated_time_once(searched, table):
    trials = searched(spec(column("size"), column("accuracy"), strategy=ENDLESS)).trials[:5000]

    first = {trial.arch: trial for trial in reversed(trials)}.values()
    assert trials[-1].clock_s == pytest.approx(sum(table.value(t.arch, "seconds") for t in first))
    assert len(first) < 5000


def test_a_search_that_screens_for_ever_ends(searched, monkeypatch):
    monkeypatch.setattr(search.run, "MAX_SCREENED_IN_A_ROW", 50)

    recording = searched(spec(strategy=ENDLESS))

    assert "50 trials in a row were screened only" in recording.of_kind(Log)[-1].message


def test_a_constraint_on_what_was_not_scored_is_not_missed(searched):
    trials = searched(spec(column("accuracy", at_least=5), column("size"))).trials

    assert [trial.violation > 0 for trial in trials[:3]] == [False, False, True]


def test_a_score_that_was_screened_is_not_measured_again(searched):
    trials = searched(spec("params", "synflow", budget={"trials": 1})).trials

    screened = {trial.arch: trial.scores[0].value for trial in trials[:2]}
    assert [score.from_memory for score in trials[2].scores] == [False, True]
    assert trials[2].scores[1].value == screened[trials[2].arch]


def test_a_run_resumed_at_any_checkpoint_equals_an_undisturbed_one(table, tmp_path, monkeypatch):
    monkeypatch.setattr(search.run, "SLICE_S", 0.0)
    monkeypatch.setattr(search.run, "CHUNK", 2)
    options = {"data_dir": tmp_path, "tables": {"bench": table}}
    undisturbed = Recording().take(run(spec(), **options))

    resumed = []
    for cut in range(1, len(undisturbed.checkpoints) + 1):
        before = Recording()
        before.take(run(spec(), memory=before, **options), num_checkpoints=cut)
        state = json.loads(json.dumps(before.checkpoints[-1]))
        resumed.append(before.take(run(spec(), memory=before, resume=state, **options)))

    assert len(resumed) > 5
    assert all(r.timeless() == undisturbed.timeless() for r in resumed)
