"""Searches that begin with the best of a pool."""

import json

import numpy as np
import pytest

import search.run
from search.catalogue import TableColumn, TableInfo
from search.errors import SpecError
from search.events import Log, Progress
from search.run import run
from search.spaces import spaces
from search.spec import parse_submission
from search.strategies import strategies, takes_warm_start
from search.tables import Table
from tests.search.recording import Recording

SPACE = spaces["nasbench201"]
POOL = 40
BEGINNERS = [name for name, kind in strategies.items() if takes_warm_start(kind)]
PARAMS = {"predictor": {"batch": 20}, "successive_halving": {"rungs": [1, 2]}}


@pytest.fixture(scope="module")
def table():
    """Hints are proportional to accuracies, as far as there are any."""
    rng = np.random.default_rng(0)
    accuracy_N = rng.normal(90, 5, SPACE.size)
    hints_N = np.where(np.arange(SPACE.size) % 5 == 0, np.nan, 2 * accuracy_N)
    columns = (TableColumn(name="hint"), TableColumn(name="accuracy"))
    info = TableInfo(
        name="bench", space="nasbench201", columns=columns, num_archs=SPACE.size, digest="d"
    )
    return Table(info, np.arange(SPACE.size), {"hint": hints_N, "accuracy": accuracy_N})


@pytest.fixture
def searched(table, tmp_path):
    def go(spec, **options):
        return Recording().take(run(spec, data_dir=tmp_path, tables={"bench": table}, **options))

    return go


def spec(strategy="regularized_evolution", *, pool=POOL, trials=30, **more):
    columns = [
        {"metric": "table", "params": {"table": "bench", "column": name}}
        for name in ("hint", "accuracy")
    ]
    return parse_submission(
        {
            "name": "a search",
            "space": {"name": "nasbench201"},
            "objectives": columns,
            "strategy": {"name": strategy, "params": PARAMS.get(strategy, {})},
            "warm_start": {"objective": 1, "pool": pool},
            "budget": {"trials": trials},
            **more,
        }
    )


def firsts_of(recording, strategy):
    """The archs that the strategy itself began with."""
    begun = [t for t in recording.trials[POOL:] if not t.parents]
    return [trial.arch for trial in begun][: 9 if strategy == "successive_halving" else 10]


@pytest.fixture(params=BEGINNERS)
def strategy(request):
    return request.param


def test_the_pool_is_screened_first_and_none_of_it_twice(searched, strategy):
    pool = searched(spec(strategy)).trials[:POOL]

    assert {trial.only for trial in pool} == {(0,)}
    assert len({trial.arch for trial in pool}) == POOL


def test_the_strategy_begins_with_the_best_of_the_pool_in_their_order(searched, strategy):
    recording = searched(spec(strategy))

    known = [t for t in recording.trials[:POOL] if t.scores[0].value is not None]
    ranked = [t.arch for t in sorted(known, key=lambda t: -t.scores[0].value)]
    firsts = firsts_of(recording, strategy)
    assert firsts == ranked[: len(firsts)]


def test_what_has_no_value_comes_last(searched):
    recording = searched(spec("random", pool=60, trials=60))

    undefined = {t.arch for t in recording.trials[:60] if t.scores[0].value is None}
    looked_at = [trial.arch in undefined for trial in recording.trials[60:]]
    assert looked_at == sorted(looked_at)
    assert any(looked_at)


def test_random_search_goes_on_with_what_is_not_in_the_pool(searched):
    trials = searched(spec("random", trials=300)).trials[POOL:]

    assert len({trial.arch for trial in trials}) == len(trials) == 300


def test_a_pool_larger_than_the_space_is_the_space(searched):
    recording = searched(spec(pool=100_000, trials=1))

    assert sum(trial.only == (0,) for trial in recording.trials) == SPACE.size
    best = max(recording.trials[:-1], key=lambda t: t.scores[0].value or 0)
    assert recording.trials[-1].arch == best.arch


def test_progress_counts_the_pool(searched, monkeypatch):
    monkeypatch.setattr(search.run, "SLICE_S", 0.0)
    monkeypatch.setattr(search.run, "CHUNK", 10)
    recording = searched(spec(trials=40))

    first = recording.of_kind(Progress)[0]
    assert first.share == pytest.approx(10 / 80)
    assert first.text == "0 trials and 10 screened"
    assert "40 trials of" in recording.of_kind(Log)[-1].message


def test_a_run_resumed_at_any_checkpoint_equals_an_undisturbed_one(
    table, tmp_path, monkeypatch, strategy
):
    monkeypatch.setattr(search.run, "SLICE_S", 0.0)
    monkeypatch.setattr(search.run, "CHUNK", 7)
    options = {"data_dir": tmp_path, "tables": {"bench": table}}
    described = spec(strategy)
    undisturbed = Recording().take(run(described, **options))

    def resumed_at(cut):
        before = Recording()
        before.take(run(described, memory=before, **options), num_checkpoints=cut)
        state = json.loads(json.dumps(before.checkpoints[-1], allow_nan=False))
        return before.take(run(described, memory=before, resume=state, **options)).timeless()

    cuts = range(1, len(undisturbed.checkpoints) + 1)
    assert len(cuts) > 5
    assert all(resumed_at(cut) == undisturbed.timeless() for cut in cuts)


def test_what_has_no_first_archs_takes_no_warm_start(searched):
    with pytest.raises(SpecError, match="takes no warm start"):
        searched(spec("exhaustive"))


def test_a_spec_without_one_has_the_digest_it_always_had():
    content = {
        "name": "a search",
        "space": {"name": "nasbench201"},
        "objectives": ["params"],
        "strategy": {"name": "regularized_evolution"},
        "budget": {"trials": 30},
    }

    (alone,) = parse_submission(content).specs()

    assert alone.digest() == "d0fac20e50efa0d9064b38a6dfa550f1"
