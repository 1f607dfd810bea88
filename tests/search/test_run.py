import json

import numpy as np
import pytest
import torch

import search.run
from search.catalogue import TableColumn, TableInfo
from search.errors import DataError, RunError, SpecError
from search.events import Log, Progress
from search.proxies import proxies
from search.run import provenance, run
from search.spaces import spaces
from search.spec import parse_submission
from search.strategies import strategies, unfit_reason
from search.tables import Table
from search.traits import declares
from tests.search.recording import Recording

SPACE = spaces["nasbench201"]
TINY = {"channels": 2, "cells": 1}
LISTED = [SPACE.encode(SPACE.at(7 * place)) for place in range(2000)]
PARAMS = {"predictor": {"batch": 40}, "listed": {"archs": LISTED}}


@pytest.fixture(autouse=True)
def _one_thread():
    """Networks of two channels are slower on several threads, far slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    values = {
        "accuracy": rng.normal(90, 5, SPACE.size),
        "size": rng.uniform(1, 2, SPACE.size),
        "seconds": rng.uniform(50, 150, SPACE.size),
    }
    info = TableInfo(
        name="bench",
        space="nasbench201",
        columns=(
            TableColumn(name="accuracy"),
            TableColumn(name="size", direction="minimize"),
        ),
        clock="seconds",
        num_archs=SPACE.size,
        digest="d",
    )
    return Table(info, np.arange(SPACE.size), values)


@pytest.fixture
def searched(table, tmp_path):
    """Runs a search on the table to its end, and gives the recording."""

    def go(spec, **options):
        return Recording().take(run(spec, data_dir=tmp_path, tables={"bench": table}, **options))

    return go


@pytest.fixture
def short_slices(monkeypatch):
    """A checkpoint after every few proposals."""
    monkeypatch.setattr(search.run, "SLICE_S", 0.0)
    monkeypatch.setattr(search.run, "CHUNK", 7)
    monkeypatch.setattr(search.run, "CHUNK_MEASURED", 3)


def column(name, **more):
    return {"metric": "table", "params": {"table": "bench", "column": name}, **more}


def spec(strategy="random", objectives=(), budget=None, **more):
    return parse_submission(
        {
            "name": "a search",
            "space": {"name": "nasbench201"},
            "network": TINY,
            "data": {"name": "digits", "batch_size": 8},
            "objectives": list(objectives) or [column("accuracy"), column("size")],
            "strategy": {"name": strategy, "params": PARAMS.get(strategy, {})},
            "budget": budget or {"trials": 60},
            **more,
        }
    )


def resumed_at(cut, described, memory_of, **options):
    """A recording of a run that is interrupted after *cut* checkpoints and taken up again."""
    recording = memory_of()
    recording.take(run(described, memory=recording, **options), num_checkpoints=cut)
    state = json.loads(json.dumps(recording.checkpoints[-1], allow_nan=False))
    return recording.take(run(described, memory=recording, resume=state, **options))


def searches_cells(name):
    return unfit_reason(strategies[name], spaces["nasbench201"]) is None


@pytest.fixture(params=filter(searches_cells, strategies))
def strategy(request):
    return request.param


class TestTrials:
    def test_numbers_have_no_gaps(self, searched, strategy):
        trials = searched(spec(strategy)).trials

        assert [trial.number for trial in trials] == list(range(len(trials)))
        assert sum(trial.only is None for trial in trials) == 60

    def test_scores_come_in_the_order_of_the_objectives(self, searched, table):
        trial = searched(spec(budget={"trials": 1})).trials[0]

        assert [score.objective for score in trial.scores] == ["accuracy", "size"]
        assert trial.scores[0].value == table.value(trial.arch, "accuracy")
        assert trial.scores[0].kind == "table"

    def test_an_arch_seen_before_comes_from_memory(self, searched):
        trials = searched(spec("regularized_evolution", budget={"trials": 400})).trials

        first = {trial.arch: trial.number for trial in reversed(trials)}
        remembered = [trial.number != first[trial.arch] for trial in trials]

        assert [trial.scores[0].from_memory for trial in trials] == remembered
        assert any(remembered)

    def test_an_arch_that_the_table_lacks_is_not_applicable(self, table, tmp_path):
        few = Table(table.info, table.indices[:1], {k: v[:1] for k, v in table.values.items()})
        events = run(spec(budget={"trials": 1}), data_dir=tmp_path, tables={"bench": few})

        score = Recording().take(events).trials[0].scores[0]

        assert (score.status, score.value) == ("not_applicable", None)

    def test_equal_specs_give_equal_trials(self, searched, strategy):
        assert searched(spec(strategy)).timeless() == searched(spec(strategy)).timeless()

    def test_seeds_give_different_trials(self, searched):
        first, second = (searched(spec(seed=seed)).trials for seed in (0, 1))

        assert [trial.arch for trial in first] != [trial.arch for trial in second]


class TestResume:
    @pytest.mark.usefixtures("short_slices")
    @pytest.mark.parametrize("seed", [0, 11])
    def test_a_run_resumed_at_any_checkpoint_equals_an_undisturbed_one(
        self, table, tmp_path, strategy, seed
    ):
        described = spec(strategy, seed=seed)
        options = {"data_dir": tmp_path, "tables": {"bench": table}}
        undisturbed = Recording().take(run(described, **options))

        resumed = [
            resumed_at(cut, described, Recording, **options).timeless()
            for cut in range(1, len(undisturbed.checkpoints) + 1)
        ]

        assert len(resumed) > 5
        assert all(trials == undisturbed.timeless() for trials in resumed)

    @pytest.mark.usefixtures("short_slices")
    def test_the_clock_goes_on_where_it_was(self, table, tmp_path, strategy):
        described = spec(strategy, budget={"clock_s": 3000})
        options = {"data_dir": tmp_path, "tables": {"bench": table}}
        undisturbed = Recording().take(run(described, **options))

        resumed = resumed_at(3, described, Recording, **options)

        assert resumed.timeless() == undisturbed.timeless()

    @pytest.mark.usefixtures("short_slices")
    def test_measured_scores_are_the_same_too(self, table, tmp_path, strategy):
        objectives = ["epsinas", "synflow", "params", column("accuracy")]
        described = spec(strategy, objectives, {"trials": 12})
        options = {"data_dir": tmp_path, "tables": {"bench": table}}
        undisturbed = Recording().take(run(described, **options))

        resumed = [resumed_at(cut, described, Recording, **options) for cut in (1, 8)]

        assert [r.timeless() for r in resumed] == [undisturbed.timeless()] * 2

    def test_slices_do_not_change_trials(self, searched, monkeypatch, strategy):
        long = searched(spec(strategy)).timeless()
        monkeypatch.setattr(search.run, "CHUNK", 1)

        assert searched(spec(strategy)).timeless() == long

    def test_a_finished_run_has_nothing_more_to_say(self, searched):
        recording = searched(spec())

        assert searched(spec(), resume=recording.checkpoints[-1], memory=recording).others == []

    def test_the_time_before_counts(self, searched):
        described = spec(budget={"trials": 10_000, "minutes": 1})
        state = Recording().take([]).checkpoints or searched(described).checkpoints
        spent = {**state[0], "run": {**state[0]["run"], "elapsed_s": 61.0, "stopped": ""}}
        spent["run"]["num_trials"] = 0

        over = searched(described, resume=spent)

        assert over.trials == []
        assert "the time is up" in over.of_kind(Log)[-1].message

    def test_a_checkpoint_of_another_search_is_refused(self, searched):
        state = searched(spec()).checkpoints[-1]

        with pytest.raises(RunError, match="another search"):
            searched(spec(seed=1), resume=state)

    def test_missing_trials_are_noticed(self, searched):
        state = searched(spec()).checkpoints[-1]

        with pytest.raises(RunError, match="only 0 are on record"):
            searched(spec(), resume=state)

    def test_checkpoints_do_not_grow_with_the_number_of_trials(self, searched, strategy):
        few, many = (
            len(json.dumps(searched(spec(strategy, budget={"trials": n})).checkpoints[-1]))
            for n in (400, 700)
        )

        assert many < 1.2 * few + 200


class TestClock:
    def test_seconds_add_up_and_repeats_are_free(self, searched, table):
        trials = searched(spec("regularized_evolution", budget={"trials": 300})).trials

        new = {trial.arch: trial for trial in reversed(trials)}.values()
        expected = sum(table.value(trial.arch, "seconds") for trial in new)

        assert trials[-1].clock_s == pytest.approx(expected)
        assert len(new) < 300

    def test_the_first_evaluation_past_the_budget_does_not_count(self, searched, table):
        some = searched(spec(budget={"trials": 5})).trials
        just_short = some[-1].clock_s - 1e-6

        assert len(searched(spec(budget={"clock_s": just_short})).trials) == 4
        assert len(searched(spec(budget={"clock_s": just_short + 1})).trials) == 5


class TestEnd:
    def test_a_space_that_is_seen_through_ends_the_search(self, searched):
        recording = searched(spec(budget={"trials": 1_000_000}))

        assert len(recording.trials) == SPACE.size
        assert "every architecture" in recording.of_kind(Log)[-1].message

    def test_a_search_that_finds_nothing_new_ends(self, searched, monkeypatch):
        monkeypatch.setattr(search.run, "MAX_NOTHING_NEW", 3)
        recording = searched(spec("regularized_evolution", budget={"trials": 100_000}))

        assert len(recording.trials) < 100_000
        assert "no new architecture" in recording.of_kind(Log)[-1].message

    def test_the_last_words_count_what_came_from_memory(self, searched):
        last = searched(spec()).of_kind(Log)[-1].message

        assert last.endswith(
            "60 trials of 60 architectures; 0 of 120 scores were not measured anew"
        )

    def test_progress_ends_at_one(self, searched, strategy):
        shares = [event.share for event in searched(spec(strategy)).of_kind(Progress)]

        assert shares == sorted(shares)
        assert shares[-1] == 1

    @pytest.mark.usefixtures("short_slices")
    def test_progress_follows_the_budget_that_ends_first(self, searched):
        recording = searched(spec(budget={"trials": 1000, "clock_s": 2000}))

        clocks = [t.clock_s for t in recording.trials[6::7]]
        shares = [event.share for event in recording.of_kind(Progress)][: len(clocks)]
        assert shares[:-1] == pytest.approx([clock / 2000 for clock in clocks][: len(shares) - 1])


class TestConstraints:
    def test_a_miss_makes_a_trial_infeasible(self, searched):
        objectives = [column("accuracy"), column("size", at_most=1.5)]
        trials = searched(spec(objectives=objectives)).trials

        for_size = [trial.scores[1].value for trial in trials]
        assert [t.state for t in trials] == [
            "infeasible" if value > 1.5 else "done" for value in for_size
        ]
        assert trials[0].violation == pytest.approx(max(0, (for_size[0] - 1.5) / 1.5))

    def test_the_nearest_misses_are_named_when_nothing_is_feasible(self, searched):
        objectives = [column("accuracy"), column("size", at_most=0.5)]
        recording = searched(spec(objectives=objectives))

        warnings = [log.message for log in recording.of_kind(Log) if log.level == "warning"]
        nearest = min(recording.trials, key=lambda trial: trial.violation)
        assert len(warnings) == 4
        assert f"trial {nearest.number}, {SPACE.encode(nearest.arch)}: size" in warnings[1]
        assert "above 0.5" in warnings[1]

    def test_no_misses_are_named_when_something_is_feasible(self, searched):
        objectives = [column("accuracy"), column("size", at_most=1.5)]
        recording = searched(spec(objectives=objectives))

        assert {log.level for log in recording.of_kind(Log)} == {"info"}

    def test_evolution_settles_on_feasible_archs(self, searched):
        objectives = [column("accuracy"), column("size", at_most=1.1)]
        trials = searched(spec("regularized_evolution", objectives, {"trials": 400})).trials

        feasible = [trial.state == "done" for trial in trials]
        assert sum(feasible[200:]) > 3 * sum(feasible[:10])


class TestFailures:
    @pytest.fixture
    def _broken(self, monkeypatch):
        @declares()
        def broken(probe, /):
            raise ArithmeticError("no luck")

        monkeypatch.setitem(proxies._plugins, "broken", broken)

    @pytest.mark.usefixtures("_broken")
    def test_twenty_failed_trials_in_a_row_end_the_search_with_the_cause(self, tmp_path):
        recording = Recording()

        with pytest.raises(RunError, match=r"20 trials in a row failed.*no luck"):
            recording.take(run(spec(objectives=["broken", "params"]), data_dir=tmp_path))

        assert len(recording.trials) == 20
        assert {trial.state for trial in recording.trials} == {"failed"}
        assert {trial.scores[1].status for trial in recording.trials} == {"ok"}

    def test_what_is_looked_up_is_there_even_where_measuring_ended_a_process(
        self, tmp_path, table
    ):
        described = spec(objectives=["params", column("accuracy")], budget={"trials": 1})
        events = run(described, data_dir=tmp_path, tables={"bench": table}, failures={0: "killed"})

        scores = Recording().take(events).trials[0].scores

        assert [score.status for score in scores] == ["failed", "ok"]

    def test_an_unknown_metric_is_named_by_its_field(self, tmp_path):
        with pytest.raises(SpecError) as caught:
            list(run(spec(objectives=["params", "nothing"]), data_dir=tmp_path))

        assert list(caught.value.fields) == ["objectives.1.metric"]

    def test_a_benchmark_that_is_gone_is_named_by_its_field(self, tmp_path):
        with pytest.raises(SpecError) as caught:
            list(run(spec(), data_dir=tmp_path))

        assert list(caught.value.fields) == ["objectives.0.params.table"]

    def test_missing_data_ends_the_search_before_the_first_trial(self, tmp_path):
        missing = spec(objectives=["snip"], data={"name": "cifar10"})

        with pytest.raises(DataError, match="CIFAR-10 is not in"):
            next(run(missing, data_dir=tmp_path))


class TestProvenance:
    def test_everything_that_decides_a_score_is_on_record(self, tmp_path, table):
        described = spec(objectives=["snip", column("accuracy")])

        record = provenance(described, data_dir=tmp_path, tables={"bench": table})

        assert record["network"]["params"] == TINY
        assert record["data"]["batch_size"] == 8
        assert record["environment"]["device"] == "cpu"
        assert record["tables"] == {"bench": "d"}
        assert record["metrics"]["snip"]["kind"] == "proxy"
        assert json.loads(json.dumps(record)) is not None

    def test_a_search_that_only_looks_up_needs_no_data(self, tmp_path, table):
        described = spec(data={"name": "cifar10"})

        record = provenance(described, data_dir=tmp_path, tables={"bench": table})

        assert "data" not in record
